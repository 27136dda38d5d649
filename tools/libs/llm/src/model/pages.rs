//! Keys and values in pages of 32 tokens that sequences share until one of them writes.
//!
//! Within a page, each layer and head has its own run: keys as `[element][token]`, so that the scores of 32 tokens are one vector that
//! accumulates a product per element, and values as `[token][element]`, so that the weighted sum is a vector too.

use std::io::{self, Read, Write};
use std::sync::Arc;

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use sigmavault_ternary::Rows;

/// Tokens in a page.
pub const PAGE: usize = 32;

/// The type of keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KvKind {
    /// Half precision, 2 bytes an element.
    #[default]
    F16,
    /// Single precision, 4 bytes an element.
    F32,
}

/// The shape of a model's keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Layers with attention.
    pub layers: usize,
    /// Key and value heads of a layer.
    pub heads: usize,
    /// Elements of a head.
    pub size: usize,
    /// Storage of an element.
    pub kind: KvKind,
}

impl Shape {
    /// Elements of the keys of one page; the values take as many.
    fn page_elements(self) -> usize {
        self.layers * self.heads * self.size * PAGE
    }

    /// Bytes of keys and values of one page.
    pub fn page_bytes(self) -> usize {
        let element = match self.kind {
            KvKind::F16 => 2,
            KvKind::F32 => 4,
        };
        2 * element * self.page_elements()
    }

    /// The offset of the run of a layer's head in a page.
    fn run(self, layer: usize, head: usize) -> usize {
        (layer * self.heads + head) * self.size * PAGE
    }
}

#[derive(Debug, Clone)]
enum Cells {
    /// The bits of half-precision numbers: for `u16`, zeroed memory comes from the system without being touched.
    Half(Vec<u16>),
    Single(Vec<f32>),
}

impl Cells {
    fn new(kind: KvKind, count: usize) -> Self {
        match kind {
            KvKind::F16 => Self::Half(vec![0; count]),
            KvKind::F32 => Self::Single(vec![0.0; count]),
        }
    }

    /// Writes `values`, one every `step` elements from `at` on.
    fn write(&mut self, at: usize, step: usize, values: &[f32]) {
        match self {
            Self::Half(cells) if step == 1 => {
                let cells: &mut [f16] = cells[at..at + values.len()].reinterpret_cast_mut();
                cells.convert_from_f32_slice(values);
            }
            Self::Half(cells) => {
                // All at once, as there are instructions that convert several.
                let mut halves = [f16::ZERO; 64];
                let mut cells = cells[at..].iter_mut().step_by(step);
                for values in values.chunks(halves.len()) {
                    let halves = &mut halves[..values.len()];
                    halves.convert_from_f32_slice(values);
                    for (half, cell) in halves.iter().zip(&mut cells) {
                        *cell = half.to_bits();
                    }
                }
            }
            Self::Single(cells) => {
                for (cell, value) in cells[at..].iter_mut().step_by(step).zip(values) {
                    *cell = *value;
                }
            }
        }
    }

    /// The elements from `at` on.
    fn rows(&self, at: usize, count: usize) -> Rows<'_> {
        match self {
            Self::Half(cells) => Rows::Half(&cells[at..at + count]),
            Self::Single(cells) => Rows::Single(&cells[at..at + count]),
        }
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Half(cells) => write_each(cells, u16::to_le_bytes, out),
            Self::Single(cells) => write_each(cells, f32::to_le_bytes, out),
        }
    }

    fn read(kind: KvKind, count: usize, bytes: &mut dyn Read) -> io::Result<Self> {
        let mut cells = Self::new(kind, count);
        match &mut cells {
            Self::Half(cells) => read_each(cells, u16::from_le_bytes, bytes)?,
            Self::Single(cells) => read_each(cells, f32::from_le_bytes, bytes)?,
        }
        Ok(cells)
    }
}

/// Numbers that are written or read at a time.
const AT_A_TIME: usize = 4096;

/// Writes numbers without a copy of all of them.
pub(super) fn write_each<T: Copy, const N: usize>(
    numbers: &[T],
    bytes: impl Fn(T) -> [u8; N],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut some = Vec::with_capacity(AT_A_TIME * N);
    for numbers in numbers.chunks(AT_A_TIME) {
        some.clear();
        some.extend(numbers.iter().flat_map(|number| bytes(*number)));
        out.write_all(&some)?;
    }
    Ok(())
}

/// Reads as many numbers as there is room for.
pub(super) fn read_each<T, const N: usize>(
    numbers: &mut [T],
    number: impl Fn([u8; N]) -> T,
    bytes: &mut dyn Read,
) -> io::Result<()> {
    let mut some = vec![0; AT_A_TIME.min(numbers.len()) * N];
    for numbers in numbers.chunks_mut(AT_A_TIME) {
        let some = &mut some[..numbers.len() * N];
        bytes.read_exact(some)?;
        for (place, bytes) in numbers.iter_mut().zip(some.as_chunks().0) {
            *place = number(*bytes);
        }
    }
    Ok(())
}

#[derive(Debug, Clone)]
struct Page {
    keys: Cells,
    values: Cells,
}

/// Keys and values of one layer's head in a page.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// `[element][token]`.
    pub keys: Rows<'a>,
    /// `[token][element]`.
    pub values: Rows<'a>,
    /// The keys of the next page, to be prefetched.
    pub next: Option<Rows<'a>>,
}

/// The keys and values of one sequence. Cloning shares the pages.
#[derive(Debug, Clone)]
pub struct Pages {
    shape: Shape,
    pages: Vec<Arc<Page>>,
}

impl Pages {
    /// No pages.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            pages: Vec::new(),
        }
    }

    /// Their shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Bytes of all pages, including shared ones.
    pub fn bytes(&self) -> usize {
        self.pages.len() * self.shape.page_bytes()
    }

    /// The address and the size of every page; a shared page has the same address everywhere.
    pub fn parts(&self) -> impl Iterator<Item = (usize, usize)> {
        let bytes = self.shape.page_bytes();
        self.pages
            .iter()
            .map(move |page| (Arc::as_ptr(page).addr(), bytes))
    }

    /// Makes the pages of tokens `from..to` writable: copies shared ones and adds missing ones.
    pub fn prepare(&mut self, from: usize, to: usize) {
        let pages = to.div_ceil(PAGE);
        while self.pages.len() < pages {
            let count = self.shape.page_elements();
            self.pages.push(Arc::new(Page {
                keys: Cells::new(self.shape.kind, count),
                values: Cells::new(self.shape.kind, count),
            }));
        }
        for page in &mut self.pages[from / PAGE..pages] {
            Arc::make_mut(page);
        }
    }

    /// Drops the pages beyond the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.pages.truncate(length.div_ceil(PAGE));
    }

    /// Writes the keys and values (`heads * size` each) of the token at `position`.
    pub fn write(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let Shape { size, .. } = self.shape;
        let token = position % PAGE;
        let page = Arc::make_mut(&mut self.pages[position / PAGE]);
        for (head, (key, value)) in keys.chunks_exact(size).zip(values.chunks_exact(size)).enumerate() {
            let run = self.shape.run(layer, head);
            page.keys.write(run + token, PAGE, key);
            page.values.write(run + token * size, 1, value);
        }
    }

    /// The run of one layer's head in page `page`.
    pub fn run(&self, layer: usize, head: usize, page: usize) -> Run<'_> {
        let (at, count) = (self.shape.run(layer, head), self.shape.size * PAGE);
        let here = &self.pages[page];
        let next = self.pages.get(page + 1);
        Run {
            keys: here.keys.rows(at, count),
            values: here.values.rows(at, count),
            next: next.map(|page| page.keys.rows(at, count)),
        }
    }

    /// Writes the pages of the first `length` tokens, for [`Pages::read`].
    pub fn save(&self, length: usize, out: &mut dyn Write) -> io::Result<()> {
        for page in &self.pages[..length.div_ceil(PAGE)] {
            page.keys.save(out)?;
            page.values.save(out)?;
        }
        Ok(())
    }

    /// Reads the pages of a sequence of `length` tokens.
    pub fn read(shape: Shape, length: usize, bytes: &mut dyn Read) -> io::Result<Self> {
        let count = shape.page_elements();
        let mut pages = Vec::new();
        for _ in 0..length.div_ceil(PAGE) {
            pages.push(Arc::new(Page {
                keys: Cells::read(shape.kind, count, bytes)?,
                values: Cells::read(shape.kind, count, bytes)?,
            }));
        }
        Ok(Self { shape, pages })
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these results are exact")]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        layers: 2,
        heads: 2,
        size: 4,
        kind: KvKind::F16,
    };

    fn written(tokens: usize) -> Pages {
        let mut pages = Pages::new(SHAPE);
        pages.prepare(0, tokens);
        for t in 0..tokens {
            for layer in 0..2 {
                let keys: Vec<f32> = (0..8).map(|i| (t + 10 * i + 100 * layer) as f32).collect();
                let values: Vec<f32> = keys.iter().map(|k| -k).collect();
                pages.write(layer, t, &keys, &values);
            }
        }
        pages
    }

    fn read(pages: &Pages, page: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut keys, mut values) = (vec![0.0; 4 * PAGE], vec![0.0; 4 * PAGE]);
        let run = pages.run(1, 1, page);
        run.keys.widen(&mut keys, None);
        run.values.widen(&mut values, None);
        (keys, values)
    }

    #[test]
    fn keys_lie_by_element_and_values_by_token() {
        let (keys, values) = read(&written(40), 1);
        // Token 35 is the fourth of page 1; head 1 begins at element 4.
        assert_eq!(keys[3], 175.0);
        assert_eq!(keys[PAGE + 3], 185.0);
        assert_eq!(values[3 * 4], -175.0);
        assert_eq!(values[3 * 4 + 1], -185.0);
    }

    #[test]
    fn a_copy_shares_pages_until_it_writes() {
        let first = written(40);
        let mut second = first.clone();
        assert!(Arc::ptr_eq(&first.pages[1], &second.pages[1]));
        second.prepare(40, 41);
        second.write(1, 40, &[7.0; 8], &[7.0; 8]);
        assert!(Arc::ptr_eq(&first.pages[0], &second.pages[0]));
        assert!(!Arc::ptr_eq(&first.pages[1], &second.pages[1]));
        assert_eq!(read(&first, 1).0[8], 0.0);
        assert_eq!(read(&second, 1).0[8], 7.0);
    }

    #[test]
    fn bytes_bring_back_the_same_pages() {
        let pages = written(40);
        let mut bytes = Vec::new();
        pages.save(40, &mut bytes).unwrap();
        assert_eq!(bytes.len(), 2 * SHAPE.page_bytes());
        let back = Pages::read(SHAPE, 40, &mut bytes.as_slice()).unwrap();
        assert_eq!(read(&back, 1), read(&pages, 1));
        assert!(Pages::read(SHAPE, 80, &mut bytes.as_slice()).is_err());
        assert!(Pages::read(SHAPE, 40, &mut &bytes[1..]).is_err());
    }
}
