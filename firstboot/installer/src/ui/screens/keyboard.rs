//! Keyboard: layout, variant, a second layout where the first lacks Latin letters, and a line to try them on.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::intro::intro;
use crate::answers::{Keyboard, XkbLayout};
use crate::draft::Draft;
use crate::keyboard::{self, LATIN, Letters, SWITCH};
use crate::machine::KeyboardLayout;
use crate::ui::input::Input;
use crate::ui::look::Look;
use crate::ui::picker::Picker;
use crate::ui::screen::{Screen, Turn};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Layout,
    Variant,
    Latin,
    Try,
}

/// The keyboard.
#[derive(Debug)]
pub(crate) struct KeyboardScreen {
    layouts: Picker,
    variants: Picker,
    /// Layouts and variants for the letters a to z, for a layout that lacks them.
    latin: Picker,
    /// What the lines of that list stand for.
    latin_layouts: Vec<XkbLayout>,
    trial: Input,
    focus: Focus,
    /// The language that a layout was proposed for.
    proposed_for: Option<String>,
    applied: Option<Keyboard>,
    /// The layout whose need for another one was shown.
    shown_for: Option<XkbLayout>,
    /// Enter was pressed, and goes on once it is known which letters the layout gives.
    going_on: bool,
    problem: Option<String>,
}

impl KeyboardScreen {
    pub(crate) fn new(draft: &Draft) -> Self {
        let keyboards = &draft.machine.keyboards;
        let names = keyboards
            .iter()
            .map(|layout| format!("{} ({})", layout.description, layout.name))
            .collect();
        let at = keyboards
            .iter()
            .position(|layout| layout.name == draft.answers.keyboard.layout);
        let (latin_layouts, latin_names) = every_layout(keyboards).unzip();
        let mut screen = Self {
            layouts: Picker::new(names, at.unwrap_or(0)),
            variants: Picker::default(),
            latin: Picker::new(latin_names, 0),
            latin_layouts,
            trial: Input::default(),
            focus: Focus::Layout,
            proposed_for: None,
            applied: None,
            shown_for: None,
            going_on: false,
            problem: None,
        };
        screen.list_variants(draft, None);
        screen.propose_latin();
        screen
    }

    /// Lists the variants of the chosen layout, and chooses this one.
    fn list_variants(&mut self, draft: &Draft, variant: Option<&str>) {
        let mut names = vec!["Standard".to_owned()];
        let mut at = 0;
        if let Some(layout) = draft.machine.keyboards.get(self.layouts.selected()) {
            let variants = layout.variants.iter();
            names.extend(variants.map(|(name, description)| format!("{description} ({name})")));
            let place = |wanted: &str| layout.variants.iter().position(|(name, _)| name == wanted);
            at = variant.and_then(place).map_or(0, |index| index + 1);
        }
        self.variants = Picker::new(names, at);
    }

    fn propose_latin(&mut self) {
        let usual = XkbLayout::new(LATIN, None);
        let at = self.latin_layouts.iter().position(|layout| *layout == usual);
        self.latin.select(at.unwrap_or(0));
    }

    /// The layout and variant that are chosen.
    fn national(&self, draft: &Draft) -> XkbLayout {
        let Some(layout) = draft.machine.keyboards.get(self.layouts.selected()) else {
            return keyboard::national(&draft.answers.keyboard);
        };
        let variant = self
            .variants
            .selected()
            .checked_sub(1)
            .and_then(|index| layout.variants.get(index));
        XkbLayout {
            layout: layout.name.clone(),
            variant: variant.map(|(name, _)| name.clone()),
        }
    }

    /// Whether the chosen layout is known to need another one for the letters a to z.
    fn needs_latin(&self, draft: &Draft) -> bool {
        draft.machine.letters.of(&self.national(draft)) == Some(&Letters::Other)
    }

    fn chosen(&self, draft: &Draft) -> Keyboard {
        let XkbLayout { layout, variant } = self.national(draft);
        let latin = self.latin_layouts.get(self.latin.selected());
        Keyboard {
            layout,
            variant,
            latin: latin.filter(|_| self.needs_latin(draft)).cloned(),
        }
    }

    /// The keyboard, when it is not yet the one in use.
    fn apply(&mut self, draft: &mut Draft) -> Option<Keyboard> {
        let chosen = self.chosen(draft);
        draft.answers.keyboard = chosen.clone();
        if self.applied.as_ref() == Some(&chosen) {
            return None;
        }
        self.applied = Some(chosen.clone());
        Some(chosen)
    }

    /// Whether the keyboard can be used as it is chosen. If not, the screen says why.
    fn is_complete(&mut self, draft: &Draft) -> bool {
        let keyboard = &draft.answers.keyboard;
        self.problem = None;
        for layout in keyboard::layouts(keyboard) {
            if let Some(Letters::Unusable(reason)) = draft.machine.letters.of(&layout) {
                self.problem = Some(format!("The console cannot use {layout}: {reason}"));
                return false;
            }
        }
        let Some(latin) = &keyboard.latin else { return true };
        let national = Some(keyboard::national(keyboard));
        if draft.machine.letters.of(latin) == Some(&Letters::Other) {
            self.problem = Some(format!(
                "{latin} lacks letters of a to z: choose another one for them."
            ));
        } else if self.shown_for == national {
            return true;
        }
        self.shown_for = national;
        self.focus = Focus::Latin;
        false
    }

    /// The part that Tab leads to, or Shift-Tab.
    fn beside(&self, forward: bool, draft: &Draft) -> Focus {
        let mut all = vec![Focus::Layout, Focus::Variant, Focus::Latin, Focus::Try];
        all.retain(|focus| *focus != Focus::Latin || self.needs_latin(draft));
        let at = all.iter().position(|focus| *focus == self.focus).unwrap_or(0);
        let step = if forward { 1 } else { all.len() - 1 };
        all[(at + step) % all.len()]
    }

    fn move_focus(&mut self, forward: bool, draft: &mut Draft) -> Turn {
        self.focus = self.beside(forward, draft);
        if self.focus == Focus::Latin {
            self.shown_for = Some(self.national(draft));
        }
        self.apply(draft).map_or(Turn::Stay, Turn::Keyboard)
    }

    /// Below the layouts there is nothing; below the variants, the layouts for the letters a to z.
    fn draw_lists(&self, frame: &mut Frame, area: Rect, needs_latin: bool, look: Look) {
        let left = area.width / 2 - 1;
        let (x, width) = (area.x + left + 2, area.width - left - 2);
        let variants = if needs_latin { area.height / 2 } else { area.height };
        let right = |from: u16, height: u16| Rect::new(x, area.y + from, width, height);
        let latin = format!("Letters a-z ({SWITCH} switches)");
        let mut lists = vec![
            (
                "Layout",
                &self.layouts,
                Focus::Layout,
                Rect { width: left, ..area },
            ),
            ("Variant", &self.variants, Focus::Variant, right(0, variants)),
        ];
        if needs_latin {
            let place = right(variants, area.height - variants);
            lists.push((latin.as_str(), &self.latin, Focus::Latin, place));
        }
        for (title, picker, focus, place) in lists {
            let style = if self.focus == focus {
                look.title()
            } else {
                look.faint()
            };
            frame.render_widget(Span::styled(title, style), Rect { height: 1, ..place });
            let list = Rect {
                y: place.y + 1,
                height: place.height.saturating_sub(1),
                ..place
            };
            picker.draw(frame, list, self.focus == focus, look);
        }
    }
}

/// Every layout and every variant, with a line of a list for it.
fn every_layout(keyboards: &[KeyboardLayout]) -> impl Iterator<Item = (XkbLayout, String)> {
    keyboards.iter().flat_map(|known| {
        let standard = (None, known.description.as_str());
        let variants = known.variants.iter();
        let variants = variants.map(|(name, description)| (Some(name.as_str()), description.as_str()));
        std::iter::once(standard)
            .chain(variants)
            .map(|(variant, description)| {
                let layout = XkbLayout::new(&known.name, variant);
                let line = format!("{description} [{layout}]");
                (layout, line)
            })
    })
}

impl Screen for KeyboardScreen {
    fn title(&self) -> &'static str {
        "Keyboard"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            ("Up/Down", "move"),
            ("a-z", "search"),
            ("Tab", "next"),
            ("Enter", "go on"),
            ("Esc", "back"),
        ]
    }

    fn help(&self) -> &'static str {
        "The layout applies to this console or desktop as soon as Tab or Enter is pressed, and to the installed \
         system, where the passphrase is typed at boot. Over SSH and on a serial line, the keyboard of the other \
         side applies. Tab leads from the layouts to the variants and to the line for trying keys.\n\n\
         A layout for another script comes with a second one for the letters a to z, which user names, passwords and \
         commands need. That one is in use at first, here, at boot and at the login; Alt+Shift switches between both."
    }

    fn enter(&mut self, draft: &mut Draft) {
        self.focus = Focus::Layout;
        self.going_on = false;
        if self.proposed_for.as_ref() == Some(&draft.answers.language) {
            return;
        }
        self.proposed_for = Some(draft.answers.language.clone());
        let XkbLayout { layout, variant } = draft.proposed_layout();
        let mut known = draft.machine.keyboards.iter();
        if let Some(at) = known.position(|known| known.name == layout) {
            self.layouts.select(at);
            self.list_variants(draft, variant.as_deref());
        }
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        let used = match self.focus {
            Focus::Layout => {
                let before = self.layouts.selected();
                let used = self.layouts.handle(key);
                if self.layouts.selected() != before {
                    self.list_variants(draft, None);
                }
                used
            }
            Focus::Variant => self.variants.handle(key),
            Focus::Latin => self.latin.handle(key),
            Focus::Try => self.trial.handle(key),
        };
        if used {
            self.problem = None;
            return Turn::Stay;
        }
        match key.code {
            KeyCode::Tab | KeyCode::Right => self.move_focus(true, draft),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Up => self.move_focus(false, draft),
            KeyCode::Enter => match self.apply(draft) {
                Some(keyboard) => {
                    self.going_on = true;
                    Turn::Keyboard(keyboard)
                }
                None if self.is_complete(draft) => Turn::Next,
                None => Turn::Stay,
            },
            _ => Turn::Unused,
        }
    }

    fn learned(&mut self, draft: &mut Draft) -> bool {
        let asked = self.applied.as_ref().and_then(|keyboard| keyboard.latin.as_ref());
        if asked.is_none() {
            // The console's keys were completed with the usual one.
            self.propose_latin();
        }
        let chosen = self.chosen(draft);
        draft.answers.keyboard = chosen.clone();
        self.applied = Some(chosen);
        std::mem::take(&mut self.going_on) && self.is_complete(draft)
    }

    fn draw(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look) {
        let needs_latin = self.needs_latin(draft);
        let question = "What is printed on the keys of this machine's keyboard?";
        let text = if needs_latin {
            format!("{question}\n{NEEDS_LATIN}")
        } else {
            question.to_owned()
        };
        let below = intro(frame, area, &text);
        let lists = below.height.saturating_sub(3);
        self.draw_lists(
            frame,
            Rect {
                height: lists,
                ..below
            },
            needs_latin,
            look,
        );
        let y = below.y + lists + 1;
        if let Some(problem) = &self.problem {
            let line = Rect::new(below.x, y - 1, below.width, 1);
            frame.render_widget(Span::styled(problem.as_str(), look.alarm()), line);
        }
        let focused = self.focus == Focus::Try;
        let style = if focused { look.title() } else { look.faint() };
        frame.render_widget(
            Span::styled("Try the keys here", style),
            Rect::new(below.x, y, 18, 1),
        );
        self.trial
            .draw(frame, Rect::new(below.x + 19, y, below.width - 19, 1), focused);
    }
}

/// Said of a layout for another script.
const NEEDS_LATIN: &str = "It lacks letters of a to z: a second layout gives them, and holds at first.";
