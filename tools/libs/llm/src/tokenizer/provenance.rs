//! Which part of a text may be a special token.

use std::ops::Range;

/// Where the text of a control token is that token, rather than ordinary text.
#[derive(Debug, Clone, Copy)]
pub enum Controls<'a> {
    /// Nowhere, as in text from a user.
    Nowhere,
    /// Everywhere, as in a prompt that the caller wrote out.
    Everywhere,
    /// Where the text's author is trusted, as in a rendered chat template.
    Where(&'a Provenance),
}

/// The origin of the parts of a text, in byte positions.
///
/// A control token is matched only inside one of the ranges, and no added token of any kind across a wall.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Ranges in which control tokens are matched: ascending, and not overlapping.
    pub(crate) controls: Vec<Range<usize>>,
    /// Positions that no added token spans, ascending.
    pub(crate) walls: Vec<usize>,
}

/// Walks through the parts of a text in which the same tokens may be matched.
#[derive(Debug)]
pub(super) struct Segments<'a> {
    controls: Controls<'a>,
    length: usize,
    range: usize,
    wall: usize,
}

impl<'a> Segments<'a> {
    pub(super) fn new(controls: Controls<'a>, length: usize) -> Segments<'a> {
        Segments {
            controls,
            length,
            range: 0,
            wall: 0,
        }
    }

    /// The end of the part that begins at or contains `at`, and whether control tokens are matched in it. Positions must not decrease
    /// from call to call.
    pub(super) fn at(&mut self, at: usize) -> (usize, bool) {
        let provenance = match self.controls {
            Controls::Nowhere => return (self.length, false),
            Controls::Everywhere => return (self.length, true),
            Controls::Where(provenance) => provenance,
        };
        while provenance.walls.get(self.wall).is_some_and(|wall| *wall <= at) {
            self.wall += 1;
        }
        while provenance
            .controls
            .get(self.range)
            .is_some_and(|range| range.end <= at)
        {
            self.range += 1;
        }
        let wall = provenance.walls.get(self.wall).copied().unwrap_or(self.length);
        let (edge, inside) = match provenance.controls.get(self.range) {
            Some(range) if range.start <= at => (range.end, true),
            Some(range) => (range.start, false),
            None => (self.length, false),
        };
        (edge.min(wall).min(self.length), inside)
    }
}
