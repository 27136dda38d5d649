//! A template that makes endless texts or lists ends with an error, before it has taken much memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/counting.rs"]
mod counting;

use std::time::UNIX_EPOCH;

use counting::memory;
use serde_json::{Map, Value, json};
use sigmavault_llm::template::{ChatTemplate, Conversation, TemplateError};

fn render(source: &str, messages: &[Value]) -> Result<String, TemplateError> {
    ChatTemplate::new(source, None, None)?.render(&Conversation {
        messages,
        tools: None,
        add_generation_prompt: true,
        variables: &Map::new(),
        now: UNIX_EPOCH,
    })
}

/// Repeats a step on `ns.x`, which begins as a text, and `ns.l`, which begins as a list.
fn looped(times: usize, step: &str) -> String {
    format!(
        "{{% set ns = namespace(x='0123456789', l=['0123456789'], n=1) %}}\
         {{% for i in range({times}) %}}{step}{{% endfor %}}{{{{ ns.x | length }}}}{{{{ ns.l | length }}}}"
    )
}

#[test]
fn a_template_cannot_take_all_memory() {
    let text = "a text ".repeat(2000);
    let big = "{% set x = 'x' * 1000000 %}";
    let steps = [
        "{% set ns.x = ns.x + ns.x %}",
        "{% set ns.x = ns.x ~ ns.x %}",
        "{% set ns.x = ns.x * 2 %}",
        "{% set ns.x = 2 * ns.x %}",
        "{% set ns.x = [ns.x, ns.x] | join('') %}",
        "{% set ns.x = ns.x.join([ns.x, ns.x]) %}",
        "{% set ns.x = ns.x | replace('0', ns.x) %}",
        "{% set ns.x = ns.x.replace('0', ns.x) %}",
        "{% set ns.x = '%s%s' | format(ns.x, ns.x) %}",
        "{% set ns.x = '{}{}'.format(ns.x, ns.x) %}",
        "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}",
        "{% set ns.x = [ns.x, ns.x] | tojson %}",
        "{% set ns.x = [ns.x, ns.x] | string %}",
        "{% set ns.x = (ns.x.upper() + ns.x | upper)[1:] %}",
        "{% set ns.l = ns.l + ns.l %}{% set ns.x = ns.x + 'a' %}",
        "{% set ns.l = ns.l * 2 %}",
        "{% set ns.l = ns.l | chain(ns.l) | list %}",
        "{% set ns.l = (ns.l + ns.l)[0:] %}",
        "{% set ns.l = [ns.l, ns.l] %}{% set ns.x = ns.l ~ '' %}",
        "{% set ns.l = [ns.l, ns.l] %}{{ ns.l }}",
        "{% set ns.l = {'a': ns.l, 'b': ns.l} %}{% set ns.x = ns.l | tojson %}",
        "{% set ns.l = [[1], [2]] | sum(start=ns.l + ns.l) %}",
    ];
    let mut sources: Vec<String> = steps.iter().map(|step| looped(60, step)).collect();
    sources.extend([
        format!("{big}{{% set l = [x] * 90000 %}}{{{{ l | join }}}}"),
        format!("{big}{{% set l = [x] * 90000 %}}{{{{ l ~ '' }}}}"),
        format!("{big}{{{{ [x] * 90000 }}}}"),
        format!("{big}{{{{ x | replace('x', x) }}}}"),
        format!("{big}{{{{ ([x] * 90000) | tojson }}}}"),
        format!("{big}{{{{ ([x] * 90000) | sum(start='') }}}}"),
        format!("{big}{{{{ [x] | map('replace', 'x', x) | list }}}}"),
        format!("{big}{{{{ x.split('x') | map('replace', '', x) | join(x) }}}}"),
        format!("{big}{{% macro f(s) %}}{{{{ f(s[1:]) }}}}{{% endmacro %}}{{{{ f(x) }}}}"),
        big.to_owned() + &"{% set y = x[1:] %}{% set z = [x[2:], x.strip('a'), x | trim('b')] %}".repeat(500),
        big.to_owned() + &(0..500).map(|n| format!("{{% set y{n} = x | lower %}}")).collect::<String>(),
        "{{ 'x' * 99999999 }}{{ 'x' * 99999999 }}".to_owned(),
        "{{ '%099999999999d' | format(1) }}".to_owned(),
        "{{ 'a\nb' | indent(99999999999) }}".to_owned(),
        "{{ [1] | tojson(indent=99999999999) }}".to_owned(),
        "{{ [1] | slice(99999999999) | list }}".to_owned(),
        "{{ [1] | batch(99999999999, 'x') | list }}".to_owned(),
        format!("{{% for a in range(99999) %}}{text}{{% endfor %}}"),
        format!("{{% set x %}}{{% for a in range(99999) %}}{text}{{% endfor %}}{{% endset %}}"),
        format!("{{% for a in range(99999) %}}{{{{ '{text}' }}}}{{% endfor %}}"),
        looped(99_999, "{% set ns.l = [ns.l] %}"),
        looped(99_999, "{% set ns.l = {'a': ns.l} %}"),
        looped(99_999, "{% set ns.l = namespace(a=ns.l) %}"),
        looped(99_999, "{% set ns.l = (ns.l, 1) %}"),
        looped(9_999, "{% for j in range(99) %}{% set ns.l = ns.l + ['another text of a list that grows'] %}{% endfor %}"),
    ]);
    for source in sources {
        let (rendered, most) = memory(|| render(&source, &[]));
        let refused = match rendered {
            Err(error @ (TemplateError::Memory { .. } | TemplateError::Broken(_))) => error.to_string(),
            other => panic!("{source}: {:?}", other.map(|text| text.len())),
        };
        assert!(
            refused.starts_with("the model's chat template "),
            "{source}: {refused}"
        );
        assert!(most < 200 << 20, "{source} takes {most} bytes");
    }
}

#[test]
fn the_error_names_the_template_and_its_line() {
    let source = format!(
        "\n\n{{#- x -#}}\nab\n{}",
        looped(40, "\n{% set ns.x = ns.x + ns.x %}")
    );
    assert_eq!(
        render(&source, &[]).unwrap_err().to_string(),
        "the model's chat template takes more than 64 MiB of memory at its line 6; shorten the conversation, or choose another \
         model"
    );
}

#[test]
fn long_conversations_are_rendered_by_templates_that_copy_a_lot() {
    let messages: Vec<Value> = (0..1000)
        .map(|n| json!({"role": "user", "content": format!("{n} {}", "word ".repeat(100))}))
        .collect();
    let gathering = "{% set ns = namespace(all='', list=[]) %}{% for m in messages %}\
                     {% set ns.all = ns.all + '<' ~ m.role ~ '>' + (m.content | trim).replace('w', 'W') + '\n' %}\
                     {% set ns.list = ns.list + [m] %}\
                     {% set rest = messages[loop.index:] | selectattr('role', 'equalto', 'user') | list %}\
                     {% endfor %}{{ ns.all }}{{ ns.list | length }}";
    let text = render(gathering, &messages).unwrap();
    assert!(text.starts_with("<user>0 Word Word"));
    assert!(text.ends_with("1000"));
    let large = [json!({"role": "user", "content": "word ".repeat(400_000)})];
    let copying = "{% for m in messages %}{% set c = m.content | trim %}{% if 'x' in c %}{% set c = c.split('x')[-1] %}{% endif %}\
                   {{ '<|im_start|>' + m.role + '\n' + c + '<|im_end|>' + '\n' }}{% endfor %}";
    let (text, most) = memory(|| render(copying, &large).unwrap());
    assert!(text.len() > 1_999_000);
    assert!(most < 30 << 20, "{most}");
}

/// Operators keep their precedence and their results when they are counted.
#[test]
fn counted_operators_give_the_same_results() {
    for (expression, result) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 * 3 + 4 ~ 5", ""),
        ("'a' ~ 1 + 2", ""),
        ("1 + 2 ~ 3", ""),
        ("'a'+'b'+'c'", "abc"),
        ("'ab' * 3 ~ 'c'", "abababc"),
        ("3 * 'ab'", "ababab"),
        ("-2 * -(3 + 1)", "8"),
        ("2 ** 3 * 2", "16"),
        ("7 // 2 * 2 % 5", "1"),
        ("[1] + [2] + [3]", "[1, 2, 3]"),
        ("[1, 2] * 2", "[1, 2, 1, 2]"),
        ("(1, 2) + (3,)", "(1, 2, 3)"),
        ("(1, 2)[1:]", "(2,)"),
        ("'abc'[1:] + 'abc'[:1]", "bca"),
        ("[[1, 2, 3]][0][1:][0] + 1", "3"),
        ("[1, 2, 3][1:] | join('-')", "2-3"),
        ("{'a': 1 + 1}['a'] + {'b': [1 + 2]}.b[0]", "5"),
        ("('x' if 1 + 1 == 2 else 'y') + 'z'", "xz"),
        ("1 + 1 in [2] and not 'a' + 'b' == 'ba'", "True"),
        ("none ~ true ~ 1.5 ~ undefined", "NoneTrue1.5"),
        ("'a' 'b' + \"c\"", "abc"),
        ("[1.5 + 1, 2 * 0.5]", "[2.5, 1.0]"),
        ("'a\\n\\t\\'\\\\' + '\\u00e9'", "a\n\t'\\é"),
        ("((range(3) | list) + [9]) | sum", "12"),
        ("1 + 2 + 3.5 + (4 + 5) + 6", "21.5"),
        ("('a' ~ 'b') ~ 1 ~ (2 ~ 3) ~ [4]", "ab123[4]"),
        ("namespace(a=1 + 1).a", "2"),
        ("'-'.join(['a', 'b']) + 'x'.upper()", "a-bX"),
        ("'%s-%05.1f' | format('a' + 'b', 1 + 0.25)", "ab-001.2"),
    ] {
        let rendered = render(&format!("{{{{- {expression} -}}}}"), &[]);
        match result {
            "" => assert!(matches!(rendered, Err(TemplateError::Broken(_))), "{expression}"),
            result => assert_eq!(rendered.unwrap(), result, "{expression}"),
        }
    }
}

/// Whitespace, comments and raw blocks come out as the library writes them.
#[test]
fn texts_between_tags_are_kept() {
    for (source, result) in [
        (
            "a\n{% if true %}\n  b \"c\" \\n\n{% endif %}\nd\n",
            "a\n  b \"c\" \\n\nd",
        ),
        ("a  {%- if true -%}  b  {%- endif %}\n c", "ab c"),
        ("  {% set x, y = 1, 2 %}\n{{ x }}{{ y }}{# no #} z", "12 z"),
        (
            "{% raw %}{{ a + b }}{% endraw %}{{ '}}' + '%}' }}",
            "{{ a + b }}}}%}",
        ),
        ("{%+ if true %} x{%- endif %} \n y{{ 'é' }} z", " x \n yé z"),
        (
            "{% macro m(a, b='x' + 'y') %}[{{ a ~ b }}]{% endmacro %}{{ m(1) }}{{ m(2, b=3 + 4) }}",
            "[1xy][27]",
        ),
        (
            "{% macro m(a) %}[{{ a ~ caller() }}]{% endmacro %}{% call m(1 + 1) %}x{{ 'y' + 'z' }}{% endcall %}",
            "[2xyz]",
        ),
        (
            "{% with a = 1 + 1 %}{{ a }}{% endwith %}{% filter upper %}a{{ 'b' }}{% endfilter %}",
            "2AB",
        ),
        (
            "{% for k, v in {'a': 1}.items() if v + 0 == 1 %}{{ k }}{{ loop.index + 1 }}{% else %}none{% endfor %}",
            "a2",
        ),
        (
            "{% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}{% set t %} {{ ns.n }} {% endset %}{{ t | trim }}",
            "1",
        ),
        ("{% do [].count(1) %}{{ [1, 1].count(1) }}", "2"),
    ] {
        assert_eq!(render(source, &[]).unwrap(), result, "{source}");
    }
}
