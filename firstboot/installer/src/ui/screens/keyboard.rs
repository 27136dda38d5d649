//! Keyboard: layout, variant, and a line to try them on.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::intro::intro;
use crate::answers::Keyboard;
use crate::draft::Draft;
use crate::ui::input::Input;
use crate::ui::look::Look;
use crate::ui::picker::Picker;
use crate::ui::screen::{Screen, Turn};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Layout,
    Variant,
    Try,
}

/// The keyboard.
#[derive(Debug)]
pub(crate) struct KeyboardScreen {
    layouts: Picker,
    variants: Picker,
    trial: Input,
    focus: Focus,
    /// The language that a layout was proposed for.
    proposed_for: Option<String>,
    applied: Option<Keyboard>,
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
        let mut screen = Self {
            layouts: Picker::new(names, at.unwrap_or(0)),
            variants: Picker::default(),
            trial: Input::default(),
            focus: Focus::Layout,
            proposed_for: None,
            applied: None,
        };
        screen.list_variants(draft);
        screen
    }

    fn list_variants(&mut self, draft: &Draft) {
        let mut names = vec!["Standard".to_owned()];
        if let Some(layout) = draft.machine.keyboards.get(self.layouts.selected()) {
            names.extend(
                layout
                    .variants
                    .iter()
                    .map(|(name, description)| format!("{description} ({name})")),
            );
        }
        self.variants = Picker::new(names, 0);
    }

    fn chosen(&self, draft: &Draft) -> Keyboard {
        let Some(layout) = draft.machine.keyboards.get(self.layouts.selected()) else {
            return draft.answers.keyboard.clone();
        };
        let variant = self
            .variants
            .selected()
            .checked_sub(1)
            .and_then(|index| layout.variants.get(index));
        Keyboard {
            layout: layout.name.clone(),
            variant: variant.map(|(name, _)| name.clone()),
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
        "The layout applies to this console as soon as Tab or Enter is pressed, and to the installed \
         system, where the passphrase is typed at boot. Over SSH and on a serial line, the keyboard of the other \
         side applies. Tab leads from the layouts to the variants and to the line for trying keys."
    }

    fn enter(&mut self, draft: &mut Draft) {
        self.focus = Focus::Layout;
        if self.proposed_for.as_ref() == Some(&draft.answers.language) {
            return;
        }
        self.proposed_for = Some(draft.answers.language.clone());
        let layout = draft.proposed_layout();
        if let Some(at) = draft
            .machine
            .keyboards
            .iter()
            .position(|known| known.name == layout)
        {
            self.layouts.select(at);
            self.list_variants(draft);
        }
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        let used = match self.focus {
            Focus::Layout => {
                let before = self.layouts.selected();
                let used = self.layouts.handle(key);
                if self.layouts.selected() != before {
                    self.list_variants(draft);
                }
                used
            }
            Focus::Variant => self.variants.handle(key),
            Focus::Try => self.trial.handle(key),
        };
        if used {
            return Turn::Stay;
        }
        match key.code {
            KeyCode::Tab | KeyCode::Right => {
                self.focus = match self.focus {
                    Focus::Layout => Focus::Variant,
                    Focus::Variant => Focus::Try,
                    Focus::Try => Focus::Layout,
                };
                self.apply(draft).map_or(Turn::Stay, Turn::Keyboard)
            }
            KeyCode::BackTab | KeyCode::Left | KeyCode::Up => {
                self.focus = match self.focus {
                    Focus::Layout => Focus::Try,
                    Focus::Variant => Focus::Layout,
                    Focus::Try => Focus::Variant,
                };
                self.apply(draft).map_or(Turn::Stay, Turn::Keyboard)
            }
            KeyCode::Enter => self.apply(draft).map_or(Turn::Next, Turn::KeyboardNext),
            _ => Turn::Unused,
        }
    }

    fn draw(&self, frame: &mut Frame, area: Rect, _: &Draft, look: Look) {
        let below = intro(
            frame,
            area,
            "What is printed on the keys of this machine's keyboard?",
        );
        let lists = below.height.saturating_sub(3);
        let left = below.width / 2 - 1;
        let column = |x: u16, width: u16| Rect::new(x, below.y, width, lists);
        for (title, picker, focus, place) in [
            ("Layout", &self.layouts, Focus::Layout, column(below.x, left)),
            (
                "Variant",
                &self.variants,
                Focus::Variant,
                column(below.x + left + 2, below.width - left - 2),
            ),
        ] {
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
        let y = below.y + lists + 1;
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
