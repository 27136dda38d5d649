//! An idle or paused engine uses no processor time. The only test of its program, since the whole process is measured.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use sigmavault_llm::engine::{Engine, EngineOptions, Event, Request};
use sigmavault_llm::inference::{CannotRewind, Forward, ForwardError, Shape, State, Step};
use sigmavault_llm::tokenizer::{TokenKind, Tokenizer, Vocabulary};

/// Counts tokens, and always predicts `a`.
struct Counter;

#[derive(Clone)]
struct Count(usize);

impl State for Count {
    fn len(&self) -> usize {
        self.0
    }

    fn bytes(&self) -> usize {
        8
    }

    fn fork(&self) -> Self {
        self.clone()
    }

    fn truncate(&mut self, len: usize) -> Result<(), CannotRewind> {
        self.0 = len;
        Ok(())
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.0.to_le_bytes())
    }
}

impl Forward for Counter {
    type Sequence = Count;

    fn shape(&self) -> Shape {
        Shape {
            vocabulary: 257,
            context: 100,
            rewindable: true,
            bytes_per_token: 1,
            bytes_fixed: 0,
        }
    }

    fn sequence(&self) -> Count {
        Count(0)
    }

    fn restore(&self, bytes: &mut dyn Read) -> Result<Count, String> {
        let mut number = [0; size_of::<usize>()];
        let read = bytes.read_exact(&mut number);
        read.map(|()| Count(usize::from_le_bytes(number)))
            .map_err(|error| error.to_string())
    }

    fn forward(&self, batch: &mut [Step<'_, Count>]) -> Result<(), ForwardError> {
        for step in batch {
            step.sequence.0 += step.tokens.len();
            step.out.resize(257, 0.0);
            step.out[usize::from(b'a')] = 9.0;
        }
        Ok(())
    }

    fn set_threads(&self, _: usize) {}
}

/// The processor time of this process so far, in the kernel's ticks of 10 ms.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn waiting_takes_no_processor_time() {
    let mut tokens: Vec<String> = (0..=255u8).map(|b| format!("\\x{b:02x}")).collect();
    let mut kinds = vec![TokenKind::Normal; 256];
    tokens.push("<end>".into());
    kinds.push(TokenKind::Control);
    let vocabulary = Vocabulary {
        model: "rwkv".into(),
        tokens,
        kinds,
        eos: Some(256),
        ..Vocabulary::default()
    };
    let tokenizer = Arc::new(Tokenizer::from_vocabulary(&vocabulary).unwrap());
    let engine = Engine::start(Arc::new(Counter), tokenizer, EngineOptions::default()).unwrap();
    let request = || Request {
        prompt: vec![1],
        max_tokens: 3,
        ..Request::default()
    };

    let mut generation = engine.submit(request()).unwrap();
    while !matches!(generation.blocking_next(), Some(Event::Finished { .. })) {}
    let before = ticks();
    std::thread::sleep(Duration::from_secs(1));
    engine.set_threads(0);
    let mut held = engine.submit(request()).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let took = ticks() - before;
    println!("{took} ticks of 10 ms in 2 s, idle and paused");
    assert!(took <= 1);
    engine.set_threads(1);
    while !matches!(held.blocking_next(), Some(Event::Finished { .. })) {}
}
