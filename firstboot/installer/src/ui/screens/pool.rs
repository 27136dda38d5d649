//! Data pool: whether, of which disks, and how they are arranged.

use std::collections::BTreeSet;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use sigmavault_storage_core::layout::Layout;

use super::intro::intro;
use crate::answers::Pool;
use crate::draft::{Draft, selector};
use crate::identity;
use crate::machine::{Contents, Disk, decimal};
use crate::plan::{self, Refusal};
use crate::show;
use crate::ui::fields::{Field, Fields, Reply};
use crate::ui::look::Look;
use crate::ui::screen::{Screen, Turn, check};
use crate::ui::table::{self, Row};
use crate::ui::text::wrap;

const WHETHER: &str = "pool";
const NAME: &str = "pool.name";
const ENCRYPT: &str = "pool.encrypt";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Fields,
    Disks,
    Layout,
}

/// The data pool.
#[derive(Debug)]
pub(crate) struct PoolScreen {
    fields: Fields,
    focus: Focus,
    /// Names of the disks that are chosen.
    chosen: BTreeSet<String>,
    /// Names of those of them whose contents may be lost.
    erased: BTreeSet<String>,
    /// Whether the empty disks were proposed.
    proposed: bool,
    at: usize,
    layouts: Vec<Layout>,
    layout: usize,
    /// Name of the disk about which it is asked whether its contents may be lost.
    asking: Option<String>,
    problem: Option<String>,
}

impl PoolScreen {
    pub(crate) fn new() -> Self {
        let mut screen = Self {
            fields: Fields::new(vec![
                Field::choice(
                    WHETHER,
                    "Data pool",
                    &[
                        "None now; it can be made later",
                        "Make one of disks that the system does not use",
                    ],
                ),
                Field::text(NAME, "Name", "tank"),
                Field::switch(ENCRYPT, "Encrypted", true).hint("Its key lies on the encrypted system disk."),
            ]),
            focus: Focus::Fields,
            chosen: BTreeSet::new(),
            erased: BTreeSet::new(),
            proposed: false,
            at: 0,
            layouts: Vec::new(),
            layout: 0,
            asking: None,
            problem: None,
        };
        screen.fields.show(NAME, false);
        screen.fields.show(ENCRYPT, false);
        screen
    }

    fn wanted(&self) -> bool {
        self.fields.chosen(WHETHER) == 1
    }

    /// Shows what the choice asks for. Without an encrypted state partition there is no place for a key.
    fn adapt(&mut self, draft: &Draft) {
        let wanted = self.wanted();
        self.fields.show(NAME, wanted);
        let place_for_key = draft.answers.encryption.is_some();
        self.fields.show(ENCRYPT, wanted && place_for_key);
    }

    fn members<'a>(&self, draft: &'a Draft) -> Vec<&'a Disk> {
        draft
            .pool_candidates()
            .into_iter()
            .filter(|disk| self.chosen.contains(&disk.name))
            .collect()
    }

    /// Works the layouts out for the disks that are chosen; the kind that was chosen stays if it is possible.
    fn lay_out(&mut self, draft: &Draft) {
        self.layouts = plan::layouts(&self.members(draft));
        self.layout = 0;
        self.problem = None;
    }

    fn propose(&mut self, draft: &Draft) {
        if self.proposed || !self.wanted() {
            return;
        }
        self.proposed = true;
        self.chosen = plan::proposed(&draft.pool_candidates())
            .into_iter()
            .map(|disk| disk.name.clone())
            .collect();
        self.lay_out(draft);
    }

    fn toggle(&mut self, draft: &Draft) {
        let candidates = draft.pool_candidates();
        let Some(disk) = candidates.get(self.at) else {
            return;
        };
        if self.chosen.remove(&disk.name) {
            self.erased.remove(&disk.name);
        } else if disk.contents == Contents::Empty {
            self.chosen.insert(disk.name.clone());
        } else {
            self.asking = Some(disk.name.clone());
            return;
        }
        self.lay_out(draft);
    }

    fn answer(&mut self, key: KeyEvent, draft: &Draft) {
        let Some(name) = self.asking.take() else {
            return;
        };
        if matches!(key.code, KeyCode::Char('y' | 'Y')) {
            self.chosen.insert(name.clone());
            self.erased.insert(name);
            self.lay_out(draft);
        }
    }

    fn handle_disks(&mut self, key: KeyEvent, draft: &Draft) -> bool {
        let last = draft.pool_candidates().len().saturating_sub(1);
        match key.code {
            KeyCode::Up if self.at == 0 => self.focus = Focus::Fields,
            KeyCode::Up => self.at -= 1,
            KeyCode::Down if self.at >= last => self.focus = Focus::Layout,
            KeyCode::Down => self.at += 1,
            KeyCode::PageUp => self.at = self.at.saturating_sub(6),
            KeyCode::PageDown => self.at = (self.at + 6).min(last),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = last,
            KeyCode::Char(' ') => self.toggle(draft),
            KeyCode::Enter | KeyCode::Tab => self.focus = Focus::Layout,
            KeyCode::BackTab => self.focus = Focus::Fields,
            _ => return false,
        }
        true
    }

    fn leave(&mut self, draft: &mut Draft) -> Turn {
        if !self.wanted() {
            draft.answers.pool = None;
            return Turn::Next;
        }
        self.fields.clear_problems();
        self.problem = None;
        let members = self.members(draft);
        if members.is_empty() {
            self.problem = Some("Choose at least one disk with Space, or no pool.".to_owned());
            self.focus = Focus::Disks;
            return Turn::Stay;
        }
        let pool = Pool {
            name: self.fields.text(NAME).trim().to_owned(),
            layout: self.layouts.get(self.layout).map(|layout| layout.kind),
            encrypt: (!self.fields.on(ENCRYPT)).then_some(false),
            disks: members.iter().map(|disk| selector(disk)).collect(),
            erase: members
                .iter()
                .filter(|disk| self.erased.contains(&disk.name))
                .map(|disk| identity::confirmation(&draft.machine, disk).to_owned())
                .collect(),
        };
        draft.answers.pool = Some(pool);
        if !check(&mut self.fields, draft) {
            self.focus = Focus::Fields;
            return Turn::Stay;
        }
        self.problem = draft.refusals().into_iter().find_map(|refusal| match refusal {
            Refusal::Answer { key, reason } if key.starts_with("pool") => Some(reason),
            Refusal::HoldsData { disk, contents, .. } => Some(format!("{disk} holds {contents}")),
            Refusal::Disk { what, error } if what.starts_with("pool") => Some(error.to_string()),
            Refusal::TooSmall { disk, .. } => Some(format!("{disk} is too small for a pool")),
            _ => None,
        });
        if self.problem.is_some() {
            Turn::Stay
        } else {
            Turn::Next
        }
    }
}

impl Screen for PoolScreen {
    fn title(&self) -> &'static str {
        "Data pool"
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        match self.focus {
            Focus::Fields => self.fields.help(),
            Focus::Disks => vec![
                ("Up/Down", "move"),
                ("Space", "take or leave"),
                ("Enter", "go on"),
                ("Esc", "back"),
            ],
            Focus::Layout => vec![
                ("Left/Right", "other layouts"),
                ("Enter", "go on"),
                ("Esc", "back"),
            ],
        }
    }

    fn help(&self) -> &'static str {
        "A ZFS pool holds the data of the NAS, on disks of its own. Space adds or removes a disk. The \
         contents of these disks are lost; each one that holds something has to be confirmed. The layout decides how \
         many disks may fail without loss, and how much space is left for data; Left and Right show the other layouts \
         that these disks allow. With an encrypted system disk the pool is encrypted too, unless that is switched off. A pool \
         can also be made or enlarged later."
    }

    fn enter(&mut self, draft: &mut Draft) {
        self.focus = Focus::Fields;
        self.fields.focus(WHETHER);
        self.adapt(draft);
        let candidates: BTreeSet<String> = draft
            .pool_candidates()
            .into_iter()
            .map(|disk| disk.name.clone())
            .collect();
        self.chosen.retain(|name| candidates.contains(name));
        self.erased.retain(|name| candidates.contains(name));
        self.at = self.at.min(candidates.len().saturating_sub(1));
        let kind = self.layouts.get(self.layout).map(|layout| layout.kind);
        self.lay_out(draft);
        if let Some(at) = self.layouts.iter().position(|layout| Some(layout.kind) == kind) {
            self.layout = at;
        }
    }

    fn handle(&mut self, key: KeyEvent, draft: &mut Draft) -> Turn {
        if self.asking.is_some() {
            self.answer(key, draft);
            return Turn::Stay;
        }
        match self.focus {
            Focus::Fields => {
                let at_end = self.fields.keys().last() == Some(&self.fields.focused());
                if self.wanted()
                    && at_end
                    && matches!(key.code, KeyCode::Tab | KeyCode::Down | KeyCode::Enter)
                {
                    self.focus = Focus::Disks;
                    return Turn::Stay;
                }
                if self.wanted() && self.fields.focused() == WHETHER && key.code == KeyCode::BackTab {
                    self.focus = Focus::Layout;
                    return Turn::Stay;
                }
                let reply = self.fields.handle(key);
                self.adapt(draft);
                self.propose(draft);
                match reply {
                    Reply::Used => Turn::Stay,
                    Reply::Unused => Turn::Unused,
                    Reply::Complete => self.leave(draft),
                }
            }
            Focus::Disks => {
                if self.handle_disks(key, draft) {
                    Turn::Stay
                } else {
                    Turn::Unused
                }
            }
            Focus::Layout => {
                let count = self.layouts.len().max(1);
                match key.code {
                    KeyCode::Right | KeyCode::Char(' ') => self.layout = (self.layout + 1) % count,
                    KeyCode::Left => self.layout = (self.layout + count - 1) % count,
                    KeyCode::Up | KeyCode::BackTab => self.focus = Focus::Disks,
                    KeyCode::Tab => {
                        self.focus = Focus::Fields;
                        self.fields.focus(WHETHER);
                    }
                    KeyCode::Enter => return self.leave(draft),
                    KeyCode::Down => {}
                    _ => return Turn::Unused,
                }
                Turn::Stay
            }
        }
    }

    fn draw(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look) {
        let below = intro(
            frame,
            area,
            "A ZFS pool keeps the data of the NAS on disks of its own.",
        );
        if !self.wanted() {
            self.fields.draw(frame, below, look);
            return;
        }
        let shown = if self.focus == Focus::Fields {
            self.fields.clone()
        } else {
            self.fields.without_focus()
        };
        let taken = shown.draw(frame, below, look);
        let place = Rect::new(
            below.x,
            below.y + taken,
            below.width,
            below.height.saturating_sub(taken),
        );
        self.draw_disks(frame, place, draft, look);
    }
}

impl PoolScreen {
    fn draw_disks(&self, frame: &mut Frame, area: Rect, draft: &Draft, look: Look) {
        let candidates = draft.pool_candidates();
        let details = 6;
        let rows: Vec<Row> = candidates
            .iter()
            .map(|disk| {
                let erased = self.erased.contains(&disk.name);
                Row {
                    disk,
                    mark: if self.chosen.contains(&disk.name) {
                        "[x]"
                    } else {
                        "[ ]"
                    },
                    style: if erased { look.warning() } else { Style::new() },
                    holds: if erased {
                        "ERASED".to_owned()
                    } else {
                        table::holds(disk)
                    },
                }
            })
            .collect();
        let wanted = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
        let height = wanted.min(area.height.saturating_sub(details));
        table::draw(
            frame,
            Rect { height, ..area },
            &rows,
            self.at,
            self.focus == Focus::Disks,
            look,
        );
        let place = Rect::new(
            area.x,
            area.y + height + 1,
            area.width,
            area.height.saturating_sub(height + 1),
        );
        let lines = match &self.asking {
            Some(name) => asked(name, draft, usize::from(area.width), look),
            None => self.layout_lines(usize::from(area.width), look),
        };
        frame.render_widget(Paragraph::new(lines), place);
    }

    fn layout_lines(&self, width: usize, look: Look) -> Vec<Line<'static>> {
        let style = if self.focus == Focus::Layout {
            look.focus()
        } else {
            Style::new()
        };
        let mut lines = Vec::new();
        match self.layouts.get(self.layout) {
            None => lines.push(Line::styled("No disk is chosen.", look.faint())),
            Some(layout) => {
                let which = match (self.layout, self.layouts.len()) {
                    (0, _) => "suggested".to_owned(),
                    (at, of) => format!("{} of {of}", at + 1),
                };
                lines.push(Line::from(vec![
                    Span::raw("Layout  "),
                    Span::styled(format!("< {} >", show::layout(layout)), style),
                    Span::styled(format!("  {which}"), look.faint()),
                ]));
                let mut text = layout.reason.clone();
                if layout.wasted > 0 {
                    let wasted = decimal(layout.wasted);
                    text.extend([" ", &wasted, " stay unused because the disks differ in size."]);
                }
                lines.extend(
                    wrap(&text, width)
                        .into_iter()
                        .map(|line| Line::styled(line, look.faint())),
                );
            }
        }
        if let Some(problem) = &self.problem {
            let text = format!("! {problem}");
            lines.extend(
                wrap(&text, width)
                    .into_iter()
                    .map(|line| Line::styled(line, look.alarm())),
            );
        }
        lines
    }
}

/// The question whether a disk's contents may be lost.
fn asked(name: &str, draft: &Draft, width: usize, look: Look) -> Vec<Line<'static>> {
    let text = draft
        .machine
        .disks
        .iter()
        .find(|disk| disk.name == name)
        .map_or_else(String::new, |disk| {
            format!("{}\n{}", disk.describe(), table::describe(disk))
        });
    let mut lines: Vec<Line> = wrap(&text, width)
        .into_iter()
        .map(|line| Line::styled(line, look.warning()))
        .collect();
    lines.push(Line::styled(
        "All of this will be LOST. Take the disk? y takes it, any other key does not.",
        look.alarm(),
    ));
    lines
}
