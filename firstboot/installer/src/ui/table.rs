//! Disks, one a line.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::look::Look;
use super::text::fit;
use crate::machine::{Contents, Disk, Holder};

/// One disk in a table.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The disk.
    pub disk: &'a Disk,
    /// What stands before it, three columns.
    pub mark: &'a str,
    /// How it is shown while it is not under the keys.
    pub style: Style,
    /// What stands in the last column.
    pub holds: String,
}

/// What is on a disk, in a word or two.
pub(crate) fn holds(disk: &Disk) -> String {
    match &disk.contents {
        _ if disk.in_use.is_some() => "in use".to_owned(),
        Contents::Empty => "empty".to_owned(),
        Contents::SigmaVault(installed) if !installed.complete => "half-done".to_owned(),
        Contents::SigmaVault(_) => "SigmaVault".to_owned(),
        Contents::Foreign(_) => "data".to_owned(),
    }
}

/// What is on a disk and what runs on it, in sentences.
pub(crate) fn describe(disk: &Disk) -> String {
    let stopped = |holder: &Holder| format!(" {holder} runs on it and would be stopped.");
    let running: String = disk.holders.iter().map(stopped).collect();
    format!("{}{running}", held(disk))
}

fn held(disk: &Disk) -> String {
    match &disk.contents {
        Contents::Empty => "Nothing is on it.".to_owned(),
        Contents::Foreign(text) => format!("On it: {text}."),
        Contents::SigmaVault(installed) if !installed.complete => {
            "A SigmaVault installation was begun on it and not completed.".to_owned()
        }
        Contents::SigmaVault(installed) => {
            let version = installed.version.as_deref().unwrap_or("of unknown version");
            let locked = if installed.encrypted { ", encrypted" } else { "" };
            format!(
                "On it: SigmaVault NAS OS {version}, with {} for settings and data{locked}.",
                crate::machine::decimal(installed.state_bytes)
            )
        }
    }
}

/// Draws the table with its heading. The row under the keys is always among the visible ones.
pub(crate) fn draw(frame: &mut Frame, area: Rect, rows: &[Row], at: usize, focused: bool, look: Look) {
    let mut height = usize::from(area.height.saturating_sub(1));
    if rows.len() > height {
        height = height.saturating_sub(1);
    }
    if height == 0 {
        return;
    }
    let first = at
        .saturating_sub(height / 2)
        .min(rows.len().saturating_sub(height));
    let width = usize::from(area.width);
    let extra = width.saturating_sub(76);
    let (model, serial) = (20 + extra / 2, 16 + extra.div_ceil(2));
    let heading = |name: &str, bus: &str, model_text: &str, serial_text: &str, holds: &str| {
        format!(
            "{} {:>7}  {} {} {} {}",
            fit(name, 7),
            "size",
            fit(bus, 6),
            fit(model_text, model),
            fit(serial_text, serial),
            fit(holds, 10)
        )
    };
    let mut lines = vec![Line::styled(
        format!(
            "    {}",
            heading("disk", "bus", "model", "serial number", "holds")
        ),
        look.faint(),
    )];
    for (index, row) in rows.iter().enumerate().skip(first).take(height) {
        let disk = row.disk;
        let text = format!(
            "{} {} {:>7}  {} {} {} {}",
            row.mark,
            fit(&disk.name, 7),
            disk.size(),
            fit(&disk.bus, 6),
            fit(&disk.model, model),
            fit(disk.serial.as_deref().unwrap_or("-"), serial),
            fit(&row.holds, 10)
        );
        let style = if index == at && focused {
            look.focus()
        } else {
            row.style
        };
        lines.push(Line::styled(fit(&text, width), style));
    }
    let below = rows.len().saturating_sub(first + height);
    if rows.len() > height {
        lines.push(Line::styled(
            format!("    {first} more above, {below} more below"),
            look.faint(),
        ));
    }
    frame.render_widget(Paragraph::new(lines), area);
}
