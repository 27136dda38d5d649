//! A stack of layers, each a mixer over time (attention or a recurrence) and optionally a feed-forward part, both with normalisation
//! before them: Qwen3, `BitNet` b1.58, Mamba, Mamba-2 and Granite 4 H, a hybrid of attention and Mamba-2.

use sigmavault_ternary::{Activations, Pool, Precision};

use crate::inference::ForwardError;
use crate::model::layers::context::Context;
use crate::model::layers::experts::{self, Experts};
use crate::model::layers::feed_forward::{self, FeedForward};
use crate::model::layers::linear::Linear;
use crate::model::layers::mamba::{self, Mamba};
use crate::model::layers::mamba2::{self, Mamba2};
use crate::model::layers::ops;
use crate::model::layers::rope::Rope;
use crate::model::layers::self_attention::{self, SelfAttention};
use crate::model::network::{Network, Pass, Segment, Spare};
use crate::model::sequence::Memory;

/// A mixer over time.
#[derive(Debug)]
pub enum Mixer {
    /// Attention.
    Attention(SelfAttention),
    /// A Mamba recurrence.
    Mamba(Mamba),
    /// A Mamba-2 recurrence.
    Mamba2(Mamba2),
}

/// A layer.
#[derive(Debug)]
pub struct Block {
    /// Before the mixer.
    pub norm: Vec<f32>,
    /// The mixer.
    pub mixer: Mixer,
    /// The normalisation before the feed-forward part, and that part.
    pub feed_forward: Option<(Vec<f32>, Feed)>,
}

/// A feed-forward part.
#[derive(Debug)]
pub enum Feed {
    /// The same for all tokens.
    Dense(FeedForward),
    /// Experts chosen by a router.
    Experts(Experts),
}

impl Block {
    /// Bytes of all matrices.
    fn bytes(&self) -> usize {
        let feed = self.feed_forward.as_ref().map_or(0, |(_, part)| match part {
            Feed::Dense(part) => part.bytes(),
            Feed::Experts(part) => part.bytes(),
        });
        self.mixer_bytes() + feed
    }

    /// Bytes read for one token.
    fn bytes_per_token(&self) -> usize {
        let feed = self.feed_forward.as_ref().map_or(0, |(_, part)| match part {
            Feed::Dense(part) => part.bytes(),
            Feed::Experts(part) => part.bytes_per_token(),
        });
        self.mixer_bytes() + feed
    }

    fn mixer_bytes(&self) -> usize {
        let bytes = |matrices: &[&Linear]| matrices.iter().map(|m| m.bytes()).sum();
        match &self.mixer {
            Mixer::Attention(layer) => bytes(&layer.matrices()),
            Mixer::Mamba(layer) => bytes(&layer.matrices()),
            Mixer::Mamba2(layer) => bytes(&layer.matrices()),
        }
    }
}

/// Scaling factors of some models.
#[derive(Debug, Clone, Copy)]
pub struct Factors {
    /// Of embeddings.
    pub embedding: f32,
    /// Of the output of each layer.
    pub residual: f32,
    /// Of logits.
    pub logits: f32,
}

impl Default for Factors {
    fn default() -> Self {
        Self {
            embedding: 1.0,
            residual: 1.0,
            logits: 1.0,
        }
    }
}

/// The model.
#[derive(Debug)]
pub struct Decoder {
    pub(in crate::model) width: usize,
    pub(in crate::model) memory: Memory,
    pub(in crate::model) epsilon: f32,
    pub(in crate::model) precision: Precision,
    pub(in crate::model) factors: Factors,
    /// `None`: attention without positions.
    pub(in crate::model) rope: Option<Rope>,
    pub(in crate::model) embedding: Linear,
    pub(in crate::model) blocks: Vec<Block>,
    pub(in crate::model) norm: Vec<f32>,
    /// `None`: the embedding is tied to the head.
    pub(in crate::model) head: Option<Linear>,
    pub(in crate::model) spare: Spare<Work>,
}

/// Buffers of a pass.
#[derive(Debug, Default)]
pub struct Work {
    angles: Vec<f32>,
    normed: Vec<f32>,
    quantised: Activations,
    attention: self_attention::Work,
    mamba: mamba::Work,
    mamba2: mamba2::Work,
    feed_forward: feed_forward::Work,
    experts: experts::Work,
    added: Vec<f32>,
}

impl Network for Decoder {
    fn width(&self) -> usize {
        self.width
    }

    fn memory(&self) -> Memory {
        self.memory
    }

    fn layer_count(&self) -> usize {
        self.blocks.len()
    }

    fn bytes(&self) -> usize {
        let layers: usize = self.blocks.iter().map(Block::bytes).sum();
        layers + self.embedding.bytes() + self.head.as_ref().map_or(0, Linear::bytes)
    }

    fn bytes_per_token(&self) -> usize {
        let layers: usize = self.blocks.iter().map(Block::bytes_per_token).sum();
        layers + self.head.as_ref().unwrap_or(&self.embedding).bytes()
    }

    fn embed(&self, token: u32, out: &mut [f32]) -> Result<(), ForwardError> {
        self.embedding.row(token as usize, out)?;
        ops::scale(out, self.factors.embedding);
        Ok(())
    }

    fn layers(&self, pass: &mut Pass<'_, '_>, pool: &Pool) -> Result<(), ForwardError> {
        self.spare.with(|work| {
            self.set_angles(pass.segments, pass.rows, &mut work.angles);
            self.blocks
                .iter()
                .try_for_each(|block| self.block(block, pass, work, pool))
        })
    }

    fn head(&self, rows: &[f32], logits: &mut Vec<f32>, pool: &Pool) -> Result<(), ForwardError> {
        self.spare.with(|work| {
            work.normed.clear();
            work.normed.extend_from_slice(rows);
            ops::rms_norm_rows(&mut work.normed, &self.norm, self.epsilon, pool);
            let head = self.head.as_ref().unwrap_or(&self.embedding);
            let mut context = Context {
                pool,
                precision: self.precision,
                quantised: &mut work.quantised,
                angles: None,
            };
            context.product(head, &work.normed, rows.len() / self.width, logits)?;
            ops::scale(logits, self.factors.logits);
            Ok(())
        })
    }
}

impl Decoder {
    fn set_angles(&self, segments: &[Segment], rows: usize, angles: &mut Vec<f32>) {
        let Some(rope) = &self.rope else { return };
        let size = rope.size();
        angles.resize(rows * size, 0.0);
        for segment in segments {
            for (i, row) in segment.rows.clone().enumerate() {
                rope.angles(segment.position + i, &mut angles[row * size..][..size]);
            }
        }
    }

    fn block(
        &self,
        block: &Block,
        pass: &mut Pass<'_, '_>,
        work: &mut Work,
        pool: &Pool,
    ) -> Result<(), ForwardError> {
        let Work {
            angles,
            normed,
            quantised,
            attention,
            mamba,
            mamba2,
            feed_forward,
            experts,
            added,
        } = work;
        let context = &mut Context {
            pool,
            precision: self.precision,
            quantised,
            angles: self.rope.is_some().then_some(angles.as_slice()),
        };
        normed.clear();
        normed.extend_from_slice(pass.hidden);
        ops::rms_norm_rows(normed, &block.norm, self.epsilon, pool);
        match &block.mixer {
            Mixer::Attention(layer) => layer.apply(normed, pass, context, attention, added)?,
            Mixer::Mamba(layer) => layer.apply(normed, pass, context, mamba, added)?,
            Mixer::Mamba2(layer) => layer.apply(normed, pass, context, mamba2, added)?,
        }
        ops::add_scaled(pass.hidden, added, self.factors.residual);
        if let Some((norm, part)) = &block.feed_forward {
            normed.clear();
            normed.extend_from_slice(pass.hidden);
            ops::rms_norm_rows(normed, norm, self.epsilon, pool);
            match part {
                Feed::Dense(part) => part.apply(normed, pass.rows, context, feed_forward, added)?,
                Feed::Experts(part) => part.apply(normed, pass.rows, context, experts, added)?,
            }
            ops::add_scaled(pass.hidden, added, self.factors.residual);
        }
        Ok(())
    }
}
