//! A model and its forward pass over a batch of sequences.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use sigmavault_ternary::{Mapping, Pool};

use super::error::{BadSave, LoadError};
use super::loading::open::{ModelInfo, Opened, network};
use super::loading::weights::Dry;
use super::network::{Network, Pass, Segment, Spare};
use super::options::LoadOptions;
use super::sequence::Sequence;
use crate::inference::{ForwardError, Step, Wanted};

/// The most rows that pass through the layers at once: enough that weights are unpacked for many tokens, few enough that the rows stay
/// in the cache.
const PASS_ROWS: usize = 256;

/// A loaded model: immutable, and shared among threads.
#[derive(Debug)]
pub struct Model {
    network: Box<dyn Network>,
    info: ModelInfo,
    /// The map of the file of packed weights.
    panels: Option<Arc<Mapping>>,
    spare: Spare<Rows>,
}

/// Buffers of a call.
#[derive(Debug, Default)]
struct Rows {
    hidden: Vec<f32>,
    wanted: Vec<f32>,
    logits: Vec<f32>,
}

impl Model {
    /// Loads a `.gguf` file, or a folder with `config.json` and `model.safetensors` or the parts listed in its index.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        Self::load_with_source(path, options).map(|(model, _)| model)
    }

    /// Like [`Model::load`], and returns the opened file as the source of tokenizer and chat template. The model does not keep it, as a
    /// vocabulary takes megabytes.
    pub fn load_with_source(path: &Path, options: &LoadOptions) -> Result<(Self, Opened), LoadError> {
        let mut opened = Opened::open(path)?;
        opened.check(Dry::Shapes, path)?;
        opened.use_panels(options)?;
        let (network, info) = network(&opened, path, options)?;
        let model = Self {
            network,
            info,
            panels: opened.weights.mapping().cloned(),
            spare: Spare::default(),
        };
        Ok((model, opened))
    }

    /// Copies packed weights into huge pages, where the kernels read them fastest. This takes as long as reading their file and needs as
    /// much memory, which is freed from the page cache. On an error they stay mapped from the file.
    pub fn make_resident(&self) -> io::Result<()> {
        self.panels
            .as_ref()
            .map_or(Ok(()), |panels| panels.make_resident())
    }

    /// Frees this memory; the weights are mapped from their file again.
    pub fn release(&self) {
        if let Some(panels) = &self.panels {
            panels.release();
        }
    }

    /// Bytes of packed weights in files, which [`Model::make_resident`] copies.
    pub fn mapped_bytes(&self) -> usize {
        self.panels.as_ref().map_or(0, |panels| panels.len())
    }

    /// Its properties.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// An empty sequence.
    pub fn sequence(&self) -> Sequence {
        Sequence::new(self.network.memory())
    }

    /// Restores a sequence from what [`State::save`] wrote.
    pub fn restore(&self, bytes: &mut dyn Read) -> Result<Sequence, BadSave> {
        Sequence::read(self.network.memory(), self.info.context, bytes)
    }

    /// Appends each step's tokens to its sequence and computes the requested logits. The result for a sequence does not depend on the
    /// rest of the batch.
    ///
    /// # Errors
    ///
    /// If a token is unknown, or a sequence is too long or belongs to another model; nothing is changed then.
    pub fn forward(&self, batch: &mut [Step<'_, Sequence>], pool: &Pool) -> Result<(), ForwardError> {
        for step in batch.iter() {
            self.check(step)?;
        }
        for step in batch.iter_mut() {
            step.out.clear();
            let (from, to) = (step.sequence.length, step.sequence.length + step.tokens.len());
            if let Some(pages) = &mut step.sequence.pages {
                pages.prepare(from, to);
            }
        }
        self.spare.with(|rows| {
            let mut done = vec![0; batch.len()];
            loop {
                let segments = next_pass(batch, &done);
                if segments.is_empty() {
                    return Ok(());
                }
                self.pass(batch, &segments, &done, rows, pool)?;
                for segment in &segments {
                    done[segment.sequence] += segment.rows.len();
                    batch[segment.sequence].sequence.length += segment.rows.len();
                }
            }
        })
    }

    fn check(&self, step: &Step<'_, Sequence>) -> Result<(), ForwardError> {
        if step.sequence.memory != self.network.memory() {
            return Err(ForwardError::ForeignSequence);
        }
        let vocabulary = self.info.vocabulary;
        if let Some(&token) = step.tokens.iter().find(|&&t| t as usize >= vocabulary) {
            return Err(ForwardError::Token { token, vocabulary });
        }
        let length = step.sequence.length + step.tokens.len();
        if length > self.info.context {
            return Err(ForwardError::Context {
                length,
                context: self.info.context,
            });
        }
        Ok(())
    }

    /// Runs one pass through the layers, and computes the requested logits of its rows.
    fn pass(
        &self,
        batch: &mut [Step<'_, Sequence>],
        segments: &[Segment],
        done: &[usize],
        rows: &mut Rows,
        pool: &Pool,
    ) -> Result<(), ForwardError> {
        let width = self.network.width();
        let count = segments.last().map_or(0, |s| s.rows.end);
        rows.hidden.resize(count * width, 0.0);
        for segment in segments {
            let tokens = &batch[segment.sequence].tokens[done[segment.sequence]..];
            for (row, token) in segment.rows.clone().zip(tokens) {
                self.network
                    .embed(*token, &mut rows.hidden[row * width..][..width])?;
            }
        }
        let mut sequences: Vec<&mut Sequence> = batch.iter_mut().map(|step| &mut *step.sequence).collect();
        let mut pass = Pass {
            sequences: &mut sequences,
            segments,
            hidden: &mut rows.hidden,
            rows: count,
        };
        self.network.layers(&mut pass, pool)?;

        let wanted_rows = |step: &Step<'_, Sequence>, segment: &Segment| match step.logits {
            Wanted::All => segment.rows.clone(),
            Wanted::Last if done[segment.sequence] + segment.rows.len() == step.tokens.len() => {
                segment.rows.end - 1..segment.rows.end
            }
            _ => 0..0,
        };
        rows.wanted.clear();
        for segment in segments {
            let wanted = wanted_rows(&batch[segment.sequence], segment);
            rows.wanted
                .extend_from_slice(&rows.hidden[wanted.start * width..wanted.end * width]);
        }
        if rows.wanted.is_empty() {
            return Ok(());
        }
        // The logits of a single sequence are written directly to their destination.
        if let [segment] = segments
            && batch[segment.sequence].out.is_empty()
        {
            return self.network.head(&rows.wanted, batch[segment.sequence].out, pool);
        }
        self.network.head(&rows.wanted, &mut rows.logits, pool)?;
        let mut rest = rows.logits.as_slice();
        for segment in segments {
            let step = &mut batch[segment.sequence];
            let (logits, after) = rest.split_at(wanted_rows(step, segment).len() * self.info.vocabulary);
            step.out.extend_from_slice(logits);
            rest = after;
        }
        Ok(())
    }
}

/// Fills a pass with the rest of the steps, in order.
fn next_pass(batch: &[Step<'_, Sequence>], done: &[usize]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut row = 0;
    for (sequence, step) in batch.iter().enumerate() {
        let count = (step.tokens.len() - done[sequence]).min(PASS_ROWS - row);
        if count > 0 {
            segments.push(Segment {
                sequence,
                rows: row..row + count,
                position: step.sequence.length,
            });
            row += count;
        }
    }
    segments
}
