use std::sync::Arc;

use super::toy::*;
use crate::engine::*;
use crate::sampling::Sampling;

fn prompt(len: u32, salt: u32) -> Vec<u32> {
    (0..len).map(|i| u32::try_from(mix(u64::from(i + salt * 100_000)) % 256).unwrap()).collect()
}

/// Two turns of a conversation of 2000 tokens; gives how many prompt tokens the second one computed.
fn second_turn<M: Forward>(model: Arc<M>, exact: bool) -> u64 {
    let engine = Engine::start(model, tokenizer(), EngineOptions { snapshot_every: 512, ..EngineOptions::default() }).unwrap();
    let first = prompt(1900, 1);
    let ask = |prompt: &[u32], boundaries: Vec<usize>| {
        let request = Request { prompt: prompt.to_vec(), max_tokens: 60, sampling: Sampling::greedy(), boundaries, ..Request::default() };
        collect(engine.submit(request).unwrap())
    };
    let (answer, _, _) = ask(&first, vec![20, 1890]);
    let before = engine.status().prompt_tokens;
    assert_eq!(before, 1900);
    let mut second = first;
    // The answer comes back as it was written, or told in other tokens.
    second.extend(if exact { answer } else { prompt(20, 3) });
    second.extend(prompt(30, 2));
    let (_, _, last) = ask(&second, vec![20, 1890, second.len() - 4]);
    let computed = engine.status().prompt_tokens - before;
    let Event::Finished { usage, .. } = last else { panic!("{last:?}") };
    assert_eq!(usage.prompt - usage.cached, usize::try_from(computed).unwrap());
    computed
}

#[test]
fn a_second_turn_computes_its_own_tokens_only() {
    for exact in [true, false] {
        let attention = second_turn(Arc::new(Attention::default()), exact);
        let recurrent = second_turn(Arc::new(Recurrent::default()), exact);
        println!("prompt tokens computed in the second turn of 2000: attention {attention}, recurrent {recurrent}");
        assert!(attention < 64 && recurrent < 64);
    }
}
