//! Two minimal models that behave like the two families: the state of one is a list of tokens that can be truncated, that of the other a
//! hash of all tokens. Both choose the next token by the last few, so their texts repeat themselves.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use crate::engine::{Event, Generation};
use crate::inference::*;
use crate::tokenizer::{TokenKind, Tokenizer, Vocabulary};

/// Ids 0 to 255 are bytes, this one is the end token, those after it are words.
pub const END: u32 = 256;
pub const VOCABULARY: usize = 270;

pub fn tokenizer() -> Arc<Tokenizer> {
    let mut tokens: Vec<String> = (0..=255u8).map(|b| format!("\\x{b:02x}")).collect();
    let mut kinds = vec![TokenKind::Normal; 256];
    tokens.push("<end>".into());
    kinds.push(TokenKind::Control);
    tokens.extend(
        [
            "the ", "stop", " word", "é", "{\"", "\":", "\n\n", "ab", "abc", "cd", "1", "22", "333",
        ]
        .map(|w| w.replace('\n', "\\n")),
    );
    kinds.resize(tokens.len(), TokenKind::Normal);
    let vocabulary = Vocabulary {
        model: "rwkv".into(),
        tokens,
        kinds,
        eos: Some(END),
        ..Vocabulary::default()
    };
    Arc::new(Tokenizer::from_vocabulary(&vocabulary).unwrap())
}

/// The counters and controls of a toy model.
#[derive(Debug, Default)]
pub struct Gauges {
    pub tokens: AtomicUsize,
    pub steps: AtomicUsize,
    pub widest: AtomicUsize,
    pub fails: AtomicBool,
    pub awake: AtomicBool,
    pub wakes: AtomicUsize,
    /// Passes while it was not awake.
    pub asleep: AtomicUsize,
    /// Blocks passes while set.
    held: Mutex<bool>,
    freed: Condvar,
}

impl Gauges {
    pub fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.freed.notify_all();
    }

    fn wake(&self) -> bool {
        self.awake.store(true, Ordering::SeqCst);
        self.wakes.fetch_add(1, Ordering::SeqCst);
        true
    }

    fn pass<S>(&self, batch: &[Step<'_, S>]) -> Result<(), ForwardError> {
        let mut held = self.held.lock().unwrap();
        while *held {
            held = self.freed.wait(held).unwrap();
        }
        if !self.awake.load(Ordering::SeqCst) {
            self.asleep.fetch_add(1, Ordering::SeqCst);
        }
        assert!(!batch.is_empty());
        assert!(batch.iter().all(|s| !s.tokens.is_empty()));
        self.tokens
            .fetch_add(batch.iter().map(|s| s.tokens.len()).sum(), Ordering::SeqCst);
        self.steps.fetch_add(1, Ordering::SeqCst);
        self.widest.fetch_max(batch.len(), Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            Err(ForwardError::Tensor("out of order".into()))
        } else {
            Ok(())
        }
    }
}

pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// Logits that depend on `key` alone. The end of text is rare.
fn logits(key: u64, end: bool, out: &mut Vec<f32>) {
    let start = out.len();
    out.extend(
        (0..VOCABULARY as u64).map(|id| (mix(key ^ id.wrapping_mul(0x9e37_79b9)) % 1000) as f32 / 250.0),
    );
    let ends = end && mix(key).is_multiple_of(40);
    out[start + END as usize] = if ends { 50.0 } else { -50.0 };
}

#[derive(Debug)]
pub struct Attention {
    pub gauges: Gauges,
    /// The number of tokens that it looks back.
    pub order: usize,
    pub context: usize,
    /// Whether it generates the end token.
    pub ends: bool,
}

impl Default for Attention {
    fn default() -> Self {
        Attention {
            gauges: Gauges::default(),
            order: 2,
            context: 4096,
            ends: false,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Seen(Vec<u32>);

impl Seen {
    pub fn tokens(&self) -> &[u32] {
        &self.0
    }
}

impl State for Seen {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> usize {
        self.0.len() * 100
    }

    fn fork(&self) -> Self {
        self.clone()
    }

    fn truncate(&mut self, len: usize) -> Result<(), CannotRewind> {
        self.0.truncate(len);
        Ok(())
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|t| out.write_all(&t.to_le_bytes()))
    }
}

impl Forward for Attention {
    type Sequence = Seen;

    fn shape(&self) -> Shape {
        Shape {
            vocabulary: VOCABULARY,
            context: self.context,
            rewindable: true,
            bytes_per_token: 100,
            bytes_fixed: 0,
        }
    }

    fn sequence(&self) -> Seen {
        Seen(Vec::new())
    }

    fn restore(&self, bytes: &mut dyn Read) -> Result<Seen, String> {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).map_err(|e| e.to_string())?;
        Ok(Seen(
            all.chunks_exact(4)
                .map(|c| u32::from_le_bytes(c.try_into().unwrap()))
                .collect(),
        ))
    }

    fn forward(&self, batch: &mut [Step<'_, Seen>]) -> Result<(), ForwardError> {
        self.gauges.pass(batch)?;
        for step in batch {
            for (i, &token) in step.tokens.iter().enumerate() {
                step.sequence.0.push(token);
                assert!(step.sequence.0.len() <= self.context);
                if step.logits == Wanted::All || step.logits == Wanted::Last && i + 1 == step.tokens.len() {
                    let seen = &step.sequence.0;
                    let key = seen[seen.len().saturating_sub(self.order)..]
                        .iter()
                        .fold(7, |k, &t| mix(k ^ u64::from(t)));
                    logits(key, self.ends, step.out);
                }
            }
        }
        Ok(())
    }

    fn set_threads(&self, _: usize) {}

    fn wake(&self) -> bool {
        self.gauges.wake()
    }

    fn rest(&self) {
        self.gauges.awake.store(false, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
pub struct Recurrent {
    pub gauges: Gauges,
    pub ends: bool,
}

/// The last two tokens, shifted through a number, and the count of tokens.
#[derive(Debug, Clone)]
pub struct Number(u64, usize);

impl State for Number {
    fn len(&self) -> usize {
        self.1
    }

    fn bytes(&self) -> usize {
        5000
    }

    fn fork(&self) -> Self {
        self.clone()
    }

    fn truncate(&mut self, len: usize) -> Result<(), CannotRewind> {
        if len == self.1 {
            Ok(())
        } else {
            Err(CannotRewind {
                length: self.len(),
                wanted: len,
            })
        }
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.0.to_le_bytes())?;
        out.write_all(&(self.1 as u64).to_le_bytes())
    }
}

impl Forward for Recurrent {
    type Sequence = Number;

    fn shape(&self) -> Shape {
        Shape {
            vocabulary: VOCABULARY,
            context: 4096,
            rewindable: false,
            bytes_per_token: 0,
            bytes_fixed: 5000,
        }
    }

    fn sequence(&self) -> Number {
        Number(0, 0)
    }

    fn restore(&self, bytes: &mut dyn Read) -> Result<Number, String> {
        let mut number = || {
            let mut number = [0; 8];
            let read = bytes.read_exact(&mut number);
            read.map(|()| u64::from_le_bytes(number))
                .map_err(|e| e.to_string())
        };
        let (last, count) = (number()?, number()?);
        Ok(Number(last, usize::try_from(count).map_err(|e| e.to_string())?))
    }

    fn forward(&self, batch: &mut [Step<'_, Number>]) -> Result<(), ForwardError> {
        self.gauges.pass(batch)?;
        for step in batch {
            for (i, &token) in step.tokens.iter().enumerate() {
                step.sequence.0 = step.sequence.0 << 16 & 0xffff_ffff | u64::from(token);
                step.sequence.1 += 1;
                if step.logits == Wanted::All || step.logits == Wanted::Last && i + 1 == step.tokens.len() {
                    logits(mix(step.sequence.0), self.ends, step.out);
                }
            }
        }
        Ok(())
    }

    fn set_threads(&self, _: usize) {}
}

/// The tokens, the text and the last event of a generation.
pub fn collect(mut generation: Generation) -> (Vec<u32>, String, Event) {
    let (mut ids, mut all) = (Vec::new(), String::new());
    loop {
        match generation.blocking_next().expect("a last event") {
            Event::Token { id, text, .. } => {
                ids.push(id);
                all.push_str(&text);
            }
            last => {
                if let Event::Finished { text, .. } = &last {
                    all.push_str(text);
                }
                assert_eq!(generation.blocking_next(), None);
                return (ids, all, last);
            }
        }
    }
}

/// The text that a model generates greedily when run directly, token by token.
pub fn by_hand<M: Forward>(model: &M, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut sequence = model.sequence();
    let mut next = prompt.to_vec();
    let mut text = Vec::new();
    for _ in 0..count {
        let mut out = Vec::new();
        model
            .forward(&mut [Step {
                sequence: &mut sequence,
                tokens: &next,
                logits: Wanted::Last,
                out: &mut out,
            }])
            .unwrap();
        let token = crate::sampling::highest(&out).unwrap();
        if token == END {
            break;
        }
        text.push(token);
        next = vec![token];
    }
    text
}

/// A state in pages of four tokens, which are shared with forks.
#[derive(Debug, Clone, Default)]
pub struct Paged {
    pages: Vec<Arc<Vec<u32>>>,
    len: usize,
}

impl Paged {
    pub const PAGE_BYTES: usize = 1000;

    /// The state of `tokens`, continued from the one in `states` with the longest common beginning.
    pub fn built_on(states: &[Paged], tokens: &[u32]) -> Paged {
        let common = |s: &Paged| s.tokens().iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let mut state = states
            .iter()
            .max_by_key(|s| common(s))
            .cloned()
            .unwrap_or_default();
        let common = common(&state);
        state.truncate(common).unwrap();
        state.extend(&tokens[common..]);
        state
    }

    pub fn tokens(&self) -> Vec<u32> {
        let all = self.pages.iter().flat_map(|page| page.iter().copied());
        all.take(self.len).collect()
    }

    pub fn extend(&mut self, tokens: &[u32]) {
        for &token in tokens {
            if self.len.is_multiple_of(4) {
                self.pages.push(Arc::default());
            }
            let page = Arc::make_mut(self.pages.last_mut().unwrap());
            page.truncate(self.len % 4);
            page.push(token);
            self.len += 1;
        }
    }
}

impl State for Paged {
    fn len(&self) -> usize {
        self.len
    }

    fn bytes(&self) -> usize {
        self.pages.len() * Self::PAGE_BYTES
    }

    fn parts(&self) -> Vec<Part> {
        let part = |page: &Arc<Vec<u32>>| Part {
            id: Arc::as_ptr(page).addr(),
            bytes: Self::PAGE_BYTES,
        };
        self.pages.iter().map(part).collect()
    }

    fn fork(&self) -> Self {
        self.clone()
    }

    fn truncate(&mut self, len: usize) -> Result<(), CannotRewind> {
        self.len = len;
        self.pages.truncate(len.div_ceil(4));
        Ok(())
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        self.tokens()
            .iter()
            .try_for_each(|t| out.write_all(&t.to_le_bytes()))
    }
}
