//! Choosing the model for a request that leaves the choice open, by the kind of request and by what is loaded.
//!
//! [`Task::of`] classifies requests by their form, [`choose`] weighs the available models. Both are pure.

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A question of a few lines.
    ShortQuestion,
    /// A question about program text.
    Code,
    /// More than [`LONG`] tokens.
    LongDocument,
    /// The answer is constrained: functions may be called, or a schema applies.
    Structured,
    /// Anything else.
    General,
}

/// What is known about a request before it reaches a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Its kind.
    pub task: Task,
    /// Approximate length of prompt and answer together, in tokens.
    pub tokens: usize,
}

impl Ask {
    /// Nothing special.
    pub const ANY: Self = Self {
        task: Task::General,
        tokens: 0,
    };
}

/// Length in tokens from which a text is long.
pub const LONG: usize = 8192;

/// Length in bytes up to which a question is short.
const SHORT: usize = 400;

/// Characters that are frequent in program text and rare elsewhere.
const SIGNS: [char; 8] = ['{', '}', ';', '=', '<', '>', '(', '_'];

impl Task {
    /// The kind of a request whose last message is `text` and that has about `tokens` tokens, answer included. `formed` means that
    /// the answer is constrained.
    pub fn of(text: &str, tokens: usize, formed: bool) -> Self {
        if tokens >= LONG {
            Self::LongDocument
        } else if formed {
            Self::Structured
        } else if is_code(text) {
            Self::Code
        } else if text.len() <= SHORT {
            Self::ShortQuestion
        } else {
            Self::General
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::ShortQuestion => "a short question",
            Self::Code => "program text",
            Self::LongDocument => "a long text",
            Self::Structured => "an answer in a given form",
            Self::General => "a text",
        }
    }
}

/// Whether a text has a fenced block, or many lines that look like program text.
fn is_code(text: &str) -> bool {
    if text.contains("```") {
        return true;
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let program = |line: &&&str| {
        let signs = line.chars().filter(|letter| SIGNS.contains(letter)).count();
        let opens = ["#include", "import ", "def ", "fn ", "class ", "#!/"];
        line.ends_with([';', '{', '}'])
            || opens.iter().any(|word| line.starts_with(word))
            || signs * 8 > line.len()
    };
    lines.len() >= 3 && lines.iter().filter(program).count() * 2 > lines.len()
}

/// A model that could answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its name.
    pub id: &'a str,
    /// Its context length in tokens, if known.
    pub context: Option<u32>,
    /// Memory it needs.
    pub bytes: u64,
    /// Whether its state stays the same size however long the text is.
    pub recurrent: bool,
    /// Whether it is loaded.
    pub loaded: bool,
}

/// Chooses a candidate and says why; `None` without candidates. The first is the machine's default, the others follow in order of
/// preference.
pub fn choose(ask: Ask, candidates: &[Candidate<'_>]) -> Option<(usize, String)> {
    let takes = |candidate: &Candidate<'_>| {
        candidate
            .context
            .is_none_or(|context| ask.tokens < context as usize)
    };
    let open: Vec<usize> = (0..candidates.len())
        .filter(|&at| takes(&candidates[at]))
        .collect();
    let Some(&first) = open.first() else {
        // If the text is too long for all, the model with the longest context reports it.
        let longest =
            (0..candidates.len()).max_by_key(|&at| (candidates[at].context, std::cmp::Reverse(at)))?;
        return Some((
            longest,
            format!(
                "no model accepts {} tokens, this one accepts the most",
                ask.tokens
            ),
        ));
    };
    let find =
        |wanted: &dyn Fn(&Candidate<'_>) -> bool| open.iter().copied().find(|&at| wanted(&candidates[at]));
    let own = &candidates[first];
    // A model of half the size is nearly as able; loading another takes longer than the difference is worth.
    let close = |candidate: &Candidate<'_>| candidate.loaded && candidate.bytes >= own.bytes / 2;
    let task = ask.task.name();
    let chosen = match ask.task {
        Task::LongDocument => find(&|candidate| candidate.recurrent && candidate.loaded)
            .or_else(|| find(&|candidate| candidate.recurrent))
            .map(|at| (at, format!("{task}, for which this model needs little memory"))),
        Task::ShortQuestion if !own.loaded => {
            find(&|candidate| candidate.loaded).map(|at| (at, format!("{task}, and this model is loaded")))
        }
        Task::Code => open
            .iter()
            .copied()
            .max_by_key(|&at| (candidates[at].bytes, candidates[at].loaded, std::cmp::Reverse(at)))
            .filter(|&at| at != first)
            .map(|at| (at, format!("{task}, and this is the largest model"))),
        Task::Structured if own.recurrent => find(&|candidate| !candidate.recurrent && close(candidate))
            .or_else(|| find(&|candidate| !candidate.recurrent))
            .map(|at| (at, format!("{task}, and this model attends to the whole prompt"))),
        Task::Structured | Task::General if !own.loaded => find(&|candidate| close(candidate))
            .map(|at| (at, format!("{task}, and this model is loaded and about as large"))),
        _ => None,
    };
    let unless_shorter = || match first {
        0 => (first, format!("{task}, and this is the machine's default model")),
        _ => (
            first,
            format!("{task} of about {} tokens, which fits its context", ask.tokens),
        ),
    };
    Some(
        chosen
            .filter(|(at, _)| *at != first)
            .unwrap_or_else(unless_shorter),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_told_by_their_form() {
        let program = "fn main() {\n    let a = 1;\n    call(a);\n}\nwhy?";
        let prose = "The pool is full. ".repeat(40);
        for (text, tokens, formed, expected) in [
            ("How full is the pool?", 40, false, Task::ShortQuestion),
            ("How full is the pool?", 40, true, Task::Structured),
            ("Explain:\n```\nls -l\n```", 40, false, Task::Code),
            (program, 60, false, Task::Code),
            (program, 60, true, Task::Structured),
            (prose.as_str(), 300, false, Task::General),
            ("one\n\ntwo\nthree (3)\nfour", 9, false, Task::ShortQuestion),
            ("How full is the pool?", LONG, false, Task::LongDocument),
            ("", 0, false, Task::ShortQuestion),
        ] {
            assert_eq!(Task::of(text, tokens, formed), expected, "{text}");
        }
    }

    const fn model(
        id: &'static str,
        context: u32,
        bytes: u64,
        recurrent: bool,
        loaded: bool,
    ) -> Candidate<'static> {
        Candidate {
            id,
            context: Some(context),
            bytes,
            recurrent,
            loaded,
        }
    }

    #[test]
    fn models_are_chosen_by_task_and_by_what_is_loaded() {
        use Task::*;
        let table = |ternary: bool, mamba: bool, small: bool| {
            [
                model("ternary", 32_768, 2000, false, ternary),
                model("mamba", 131_072, 1600, true, mamba),
                model("small", 4096, 400, false, small),
            ]
        };
        for (task, tokens, loaded, expected) in [
            (
                ShortQuestion,
                50,
                (false, false, false),
                "ternary: a short question, and this is the machine's default model",
            ),
            (
                ShortQuestion,
                50,
                (false, false, true),
                "small: a short question, and this model is loaded",
            ),
            (
                ShortQuestion,
                50,
                (true, false, true),
                "ternary: a short question, and this is the machine's default model",
            ),
            (
                General,
                500,
                (false, false, true),
                "ternary: a text, and this is the machine's default model",
            ),
            (
                General,
                500,
                (false, true, true),
                "mamba: a text, and this model is loaded and about as large",
            ),
            (
                Structured,
                500,
                (false, true, false),
                "mamba: an answer in a given form, and this model is loaded and about as large",
            ),
            (
                Structured,
                500,
                (true, true, false),
                "ternary: an answer in a given form, and this is the machine's default model",
            ),
            (
                Code,
                500,
                (false, true, true),
                "ternary: program text, and this is the machine's default model",
            ),
            (
                LongDocument,
                9000,
                (true, false, false),
                "mamba: a long text, for which this model needs little memory",
            ),
            (
                LongDocument,
                90_000,
                (true, false, false),
                "mamba: a long text of about 90000 tokens, which fits its context",
            ),
            (
                General,
                5000,
                (false, false, true),
                "ternary: a text, and this is the machine's default model",
            ),
            (
                LongDocument,
                200_000,
                (true, true, true),
                "mamba: no model accepts 200000 tokens, this one accepts the most",
            ),
        ] {
            let candidates = table(loaded.0, loaded.1, loaded.2);
            let (at, why) = choose(Ask { task, tokens }, &candidates).unwrap();
            assert_eq!(
                format!("{}: {why}", candidates[at].id),
                expected,
                "{task:?} {loaded:?}"
            );
        }
        assert_eq!(choose(Ask::ANY, &[]), None);
    }

    #[test]
    fn a_text_goes_to_a_model_that_takes_it() {
        let candidates = [
            model("short", 4096, 2000, false, true),
            model("wide", 32_768, 400, false, false),
        ];
        let ask = Ask {
            task: Task::General,
            tokens: 6000,
        };
        assert_eq!(
            choose(ask, &candidates),
            Some((
                1,
                "a text of about 6000 tokens, which fits its context".to_owned()
            ))
        );
        let recurrent_first = [
            model("mamba", 131_072, 2000, true, true),
            model("ternary", 32_768, 1500, false, false),
        ];
        let ask = Ask {
            task: Task::Structured,
            tokens: 600,
        };
        assert_eq!(choose(ask, &recurrent_first).map(|(at, _)| at), Some(1));
        let code = [
            model("small", 4096, 400, false, true),
            model("large", 4096, 2000, false, false),
        ];
        let ask = Ask {
            task: Task::Code,
            tokens: 600,
        };
        assert_eq!(
            choose(ask, &code),
            Some((1, "program text, and this is the largest model".to_owned()))
        );
    }
}
