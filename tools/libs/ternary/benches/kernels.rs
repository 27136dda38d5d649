//! Speeds of the kernels, for the machine this runs on: `cargo bench -p sigmavault-ternary [-- --json]`.
//!
//! Bytes read per second, compared with reading memory: weights of the sizes of caches and of memory, every supported tier,
//! one thread and all. As the machine may be shared, numbers for caches are the best of several rounds. For memory, where a
//! round takes long, more matrices than any cache holds are multiplied one after the other, and the number is the rate that
//! the fastest tenth of them reached. The same holds for reading alone, plain and with the kernels' prefetching; numbers are
//! compared with the better of the two.
//! `--isa NAME`, `--quick` (no weights beyond the caches) and `--decode`, `--prefill`, `--dense` narrow it down.

#![allow(clippy::cast_precision_loss)] // counts become rates

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use sigmavault_ternary::dense::{Q8Activations, Quantised, multiply_dense_with, multiply_q8_with};
use sigmavault_ternary::memory::{Reading, read};
use sigmavault_ternary::{
    Activations, Dense, Encoding, F16Matrix, Isa, PanelMatrix, Pool, Precision, Q8Matrix, Quant, QuantMatrix,
    multiply_with,
};

/// Columns of all matrices: the width of an 8-billion-weight model.
const COLS: usize = 4096;
/// Bytes of weights that exceed every cache; the largest server caches are about 400 MB.
const MEMORY: usize = 700_000_000;
const CACHE: [usize; 2] = [1_000_000, 16_000_000];

struct Options {
    json: bool,
    quick: bool,
    isa: Option<Isa>,
    parts: Vec<&'static str>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        json: false,
        quick: false,
        isa: None,
        parts: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--quick" => options.quick = true,
            "--decode" => options.parts.push("decode"),
            "--prefill" => options.parts.push("prefill"),
            "--dense" => options.parts.push("dense"),
            "--isa" => {
                let name = arguments.next().unwrap_or_default();
                let isa = Isa::from_name(&name).filter(|isa| isa.is_supported());
                options.isa = Some(isa.ok_or_else(|| format!("no tier {name:?} on this processor"))?);
            }
            // `cargo bench` passes it to every benchmark.
            "--bench" => {}
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(options)
}

/// One line of the report.
struct Line {
    what: String,
    isa: &'static str,
    threads: usize,
    /// 10^9 weights (decoding) or multiply-accumulates (prefill) per second.
    giga: f64,
    /// 10^9 bytes of weights read per second.
    gigabytes: f64,
    /// The share of the memory's measured rate with as many threads; only for weights in memory.
    share: Option<f64>,
}

struct Report {
    json: bool,
    lines: Vec<Line>,
}

impl Report {
    fn add(&mut self, line: Line) {
        if !self.json {
            let share = line
                .share
                .map_or(String::new(), |share| format!("{:6.1} %", 100.0 * share));
            let Line {
                what,
                isa,
                threads,
                giga,
                gigabytes,
                ..
            } = &line;
            println!("{what:52} {isa:12} {threads:3} {giga:9.1} {gigabytes:8.1} {share}");
        }
        self.lines.push(line);
    }

    fn finish(&self) {
        if !self.json {
            return;
        }
        let mut text = String::from("[");
        for (index, line) in self.lines.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let share = line
                .share
                .map_or("null".to_owned(), |share| format!("{share:.4}"));
            let Line {
                what,
                isa,
                threads,
                giga,
                gigabytes,
                ..
            } = line;
            let _ = write!(
                text,
                "{comma}\n  {{\"what\": \"{what}\", \"isa\": \"{isa}\", \"threads\": {threads}, \"giga_per_second\": {giga:.2}, \
                 \"gigabytes_per_second\": {gigabytes:.2}, \"share_of_memory_rate\": {share}}}"
            );
        }
        println!("{text}\n]");
    }
}

/// The shortest of several rounds: at least five, and for at least a third of a second.
fn best(mut round: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut best = f64::INFINITY;
    let mut rounds = 0;
    while rounds < 5 || began.elapsed() < Duration::from_millis(350) {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed().as_secs_f64());
        rounds += 1;
    }
    best
}

/// Random bytes as weights; xorshift64*.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = vec![0; len];
    for word in bytes.as_chunks_mut::<8>().0 {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        *word = state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
    }
    bytes
}

fn floats(len: usize) -> Vec<f32> {
    noise(len)
        .into_iter()
        .map(|byte| f32::from(byte) / 128.0 - 1.0)
        .collect()
}

/// A matrix of about `bytes` packed bytes.
fn weights(encoding: Encoding, bytes: usize) -> Option<PanelMatrix> {
    let rows = (bytes / (COLS / 4)).next_multiple_of(16);
    let mut source = noise(encoding.bytes(rows, COLS)?);
    let scale = match encoding {
        Encoding::BitnetPacked => {
            // This format has no code 3.
            for byte in &mut source {
                *byte &= !(*byte >> 1 & 0x55);
            }
            Some(0.01)
        }
        Encoding::Q2_0 { group } => {
            // Random bits may be not finite or subnormal, which no model has for a scale.
            source
                .chunks_exact_mut(2 + usize::from(group) / 4)
                .for_each(|block| block[1] = block[1] & 0x1f | 4);
            None
        }
        _ => {
            source
                .chunks_exact_mut(66)
                .for_each(|block| block[65] = block[65] & 0x1f | 4);
            None
        }
    };
    PanelMatrix::pack(encoding, &source, rows, COLS, scale).ok()
}

/// Calls `part` with the numbers below `parts`, in order, for at least a second. Returns the tenth percentile of the calls'
/// seconds.
fn fastest_tenth(parts: usize, mut part: impl FnMut(usize)) -> f64 {
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < 2 * parts || began.elapsed() < Duration::from_secs(1) {
        for index in 0..parts {
            let start = Instant::now();
            part(index);
            times.push(start.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 10]
}

/// Bytes read per second from memory, by threads that only add. The bytes are those of matrices, so that the sizes of pages
/// and parts are those of the products.
fn read_rate(matrices: &[PanelMatrix], pool: &Pool, how: Reading) -> f64 {
    let seconds = fastest_tenth(matrices.len(), |index| {
        let bytes = matrices[index].packed();
        let parts = 4 * pool.threads();
        let size = bytes.len().div_ceil(parts).next_multiple_of(64);
        pool.run(parts, &|part| {
            let end = bytes.len().min((part + 1) * size);
            black_box(read(&bytes[(part * size).min(end)..end], how));
        });
    });
    matrices[0].bytes() as f64 / seconds
}

fn size_name(bytes: usize) -> String {
    if bytes >= 1_000_000_000 {
        format!("{:.1} GB", bytes as f64 / 1e9)
    } else {
        format!("{} MB", bytes / 1_000_000)
    }
}

const FORMATS: [(&str, Encoding, &[Precision]); 3] = [
    (
        "Q2_0 g64",
        Encoding::Q2_0 { group: 64 },
        &[Precision::Int8Blocks, Precision::Int16Blocks],
    ),
    (
        "TQ2_0",
        Encoding::Tq2_0,
        &[Precision::Int8Blocks, Precision::Int16Blocks],
    ),
    (
        "tensor scale",
        Encoding::BitnetPacked,
        &[Precision::Int8PerToken, Precision::Int16Blocks],
    ),
];

/// One token, and four, with weights of the sizes of caches and memory.
fn decode(options: &Options, tiers: &[Isa], pools: &[Pool], report: &mut Report) {
    let x = floats(4 * COLS);
    let sizes: Vec<(usize, usize)> = CACHE.into_iter().map(|bytes| (bytes, 1)).collect();
    let memory = (!options.quick).then_some((CACHE[1], MEMORY / CACHE[1]));
    for (bytes, count) in sizes.into_iter().chain(memory) {
        for (name, encoding, precisions) in FORMATS {
            let matrices: Vec<PanelMatrix> = (0..count).filter_map(|_| weights(encoding, bytes)).collect();
            let Some(w) = matrices.first() else { continue };
            let mut out = vec![0.0; 4 * w.rows()];
            for pool in pools {
                let mut rate: Option<f64> = None;
                for how in Reading::ALL.into_iter().filter(|_| count > 1) {
                    let found = read_rate(&matrices, pool, how);
                    rate = Some(rate.map_or(found, |rate| rate.max(found)));
                    report.add(Line {
                        what: format!("memory read {}, {count} x {}", how.name(), size_name(w.bytes())),
                        isa: "",
                        threads: pool.threads(),
                        giga: found / 1e9,
                        gigabytes: found / 1e9,
                        share: None,
                    });
                }
                for &isa in tiers {
                    for (m, precision) in precisions.iter().map(|p| (1, *p)).chain([(4, precisions[0])]) {
                        let mut activations = Activations::new();
                        activations.quantize(&x[..m * COLS], m, COLS, precision);
                        let mut product = |index: usize| {
                            multiply_with(
                                isa,
                                &matrices[index],
                                &activations,
                                &mut out[..m * w.rows()],
                                pool,
                            );
                        };
                        let seconds = if count > 1 {
                            fastest_tenth(count, product)
                        } else {
                            best(|| product(0))
                        };
                        let gigabytes = w.bytes() as f64 / seconds / 1e9;
                        report.add(Line {
                            what: format!(
                                "decode {name} {precision:?} m={m} {}",
                                size_name(count * w.bytes())
                            ),
                            isa: isa.name(),
                            threads: pool.threads(),
                            giga: (w.rows() * w.cols()) as f64 / seconds / 1e9,
                            gigabytes,
                            share: rate.map(|rate| gigabytes * 1e9 / rate),
                        });
                    }
                }
            }
        }
    }
}

/// Many tokens at once: a large product, and one of a few milliseconds, which even on a busy machine is sometimes computed
/// without interruption.
fn prefill(tiers: &[Isa], pools: &[Pool], report: &mut Report) {
    const M: usize = 512;
    let x = floats(M * COLS);
    for (name, encoding, precisions) in FORMATS {
        for (m, rows) in [(64, COLS / 16), (M, COLS)] {
            let Some(w) = weights(encoding, rows * COLS / 4) else {
                continue;
            };
            let mut out = vec![0.0; m * w.rows()];
            for &precision in precisions {
                let mut activations = Activations::new();
                activations.quantize(&x[..m * COLS], m, COLS, precision);
                // The scalar tier would take minutes.
                for &isa in tiers.iter().filter(|isa| **isa != Isa::Scalar) {
                    for pool in pools {
                        let seconds = best(|| multiply_with(isa, &w, &activations, &mut out, pool));
                        report.add(Line {
                            what: format!("prefill {name} {precision:?} m={m} rows={rows}, per core"),
                            isa: isa.name(),
                            threads: pool.threads(),
                            giga: (m * w.rows() * w.cols()) as f64 / seconds / 1e9 / pool.threads() as f64,
                            gigabytes: w.bytes() as f64 / seconds / 1e9,
                            share: None,
                        });
                    }
                }
            }
        }
    }
    let mut activations = Activations::new();
    for precision in [
        Precision::Int8PerToken,
        Precision::Int8Blocks,
        Precision::Int16Blocks,
    ] {
        let seconds = best(|| activations.quantize(&x, M, COLS, precision));
        report.add(Line {
            what: format!("quantising {precision:?} m={M}"),
            isa: "",
            threads: 1,
            giga: x.len() as f64 / seconds / 1e9,
            gigabytes: 4.0 * x.len() as f64 / seconds / 1e9,
            share: None,
        });
    }
}

/// Heads in f16, matrices in `Q8_0` and K-quants, from memory.
fn dense(options: &Options, tiers: &[Isa], pools: &[Pool], report: &mut Report) {
    let rows = CACHE[1] / 2 / COLS;
    let count = if options.quick { 1 } else { MEMORY / CACHE[1] };
    let mut halves = noise(2 * rows * COLS);
    // Random bits may be not finite.
    halves
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .for_each(|half| half[1] &= 0x3f);
    let matrices: Vec<F16Matrix> = (0..count)
        .filter_map(|_| F16Matrix::copied(&halves, rows, COLS).ok())
        .collect();
    dense_of("F16", &matrices, (tiers, pools), report);
    drop(matrices);
    let mut blocks = noise(rows * COLS / 32 * 34);
    blocks
        .as_chunks_mut::<34>()
        .0
        .iter_mut()
        .for_each(|block| block[1] &= 0x3f);
    let matrices: Vec<Q8Matrix> = (0..2 * count)
        .filter_map(|_| Q8Matrix::copied(&blocks, rows, COLS).ok())
        .collect();
    dense_of("Q8_0", &matrices, (tiers, pools), report);
    by_bytes("Q8_0", &matrices, (tiers, pools), report);
    drop(matrices);
    for kind in Quant::ALL {
        let mut blocks = noise(rows * COLS / kind.columns() * kind.block_bytes());
        for block in blocks.chunks_exact_mut(kind.block_bytes()) {
            for half in kind.halves() {
                block[half + 1] = block[half + 1] & 0x1f | 4;
            }
        }
        // As many bytes as for the others.
        let count = if options.quick { 1 } else { MEMORY / blocks.len() };
        let matrices: Vec<QuantMatrix> = (0..count)
            .filter_map(|_| QuantMatrix::copied(kind, &blocks, rows, COLS).ok())
            .collect();
        dense_of(kind.name(), &matrices, (tiers, pools), report);
        by_bytes(kind.name(), &matrices, (tiers, pools), report);
    }
}

/// With activations as bytes.
fn by_bytes<W: Quantised>(name: &str, matrices: &[W], on: (&[Isa], &[Pool]), report: &mut Report) {
    let Some(w) = matrices.first() else { return };
    let x = floats(DENSE_TOKENS[2] * COLS);
    let mut quantised = Q8Activations::new();
    for pool in on.1 {
        for &isa in on.0 {
            for m in DENSE_TOKENS {
                quantised.quantize(&x[..m * COLS], m, COLS);
                let mut out = vec![0.0; m * w.rows()];
                let matrices = if m > 4 { &matrices[..1] } else { matrices };
                let mut product =
                    |index: usize| multiply_q8_with(isa, &matrices[index], &quantised, &mut out, pool);
                let seconds = if m > 4 {
                    best(|| product(0))
                } else {
                    fastest_tenth(matrices.len(), product)
                };
                let name = format!("{name} x int8");
                report.add(dense_line(&name, isa, pool, m, matrices, seconds));
            }
        }
    }
}

/// Tokens that dense matrices are multiplied with.
const DENSE_TOKENS: [usize; 3] = [1, 4, 64];

/// Weights of one token, multiply-accumulates of many.
fn dense_line<W: Dense>(name: &str, isa: Isa, pool: &Pool, m: usize, matrices: &[W], seconds: f64) -> Line {
    let w = &matrices[0];
    let times = if m > 4 { m } else { 1 };
    Line {
        what: format!("dense {name} m={m} {}", size_name(matrices.len() * w.bytes())),
        isa: isa.name(),
        threads: pool.threads(),
        giga: (times * w.rows() * w.cols()) as f64 / seconds / 1e9,
        gigabytes: w.bytes() as f64 / seconds / 1e9,
        share: None,
    }
}

fn dense_of<W: Dense>(name: &str, matrices: &[W], on: (&[Isa], &[Pool]), report: &mut Report) {
    let Some(w) = matrices.first() else { return };
    let x = floats(DENSE_TOKENS[2] * COLS);
    for pool in on.1 {
        for &isa in on.0 {
            for m in DENSE_TOKENS {
                let mut out = vec![0.0; m * w.rows()];
                let matrices = if m > 4 { &matrices[..1] } else { matrices };
                let mut product = |index: usize| {
                    multiply_dense_with(isa, &matrices[index], &x[..m * COLS], m, &mut out, pool);
                };
                let seconds = if m > 4 {
                    best(|| product(0))
                } else {
                    fastest_tenth(matrices.len(), product)
                };
                report.add(dense_line(name, isa, pool, m, matrices, seconds));
            }
        }
    }
}

fn main() -> std::process::ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return 2.into();
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pools: Vec<Pool> = if cores > 1 {
        vec![Pool::new(1), Pool::new(cores)]
    } else {
        vec![Pool::new(1)]
    };
    let mut tiers = options.isa.map_or_else(Isa::supported, |isa| vec![isa]);
    tiers.reverse();
    let mut report = Report {
        json: options.json,
        lines: Vec::new(),
    };
    if !options.json {
        println!(
            "{:52} {:12} {:>3} {:>9} {:>8}  of memory",
            "", "tier", "thr", "G/s", "GB/s"
        );
    }
    let wanted = |part| options.parts.is_empty() || options.parts.contains(&part);
    if wanted("decode") {
        decode(&options, &tiers, &pools, &mut report);
    }
    if wanted("prefill") {
        prefill(&tiers, &pools, &mut report);
    }
    if wanted("dense") {
        dense(&options, &tiers, &pools, &mut report);
    }
    report.finish();
    0.into()
}
