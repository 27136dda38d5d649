use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value as Json, json};

use super::*;

fn render(source: &str, messages: &Json) -> Result<String, TemplateError> {
    let template = ChatTemplate::new(source, Some("<s>".into()), None)?;
    template.render(&Conversation {
        messages: messages.as_array().unwrap(),
        tools: None,
        add_generation_prompt: true,
        variables: &Map::new(),
        now: UNIX_EPOCH + Duration::from_hours(24),
    })
}

#[test]
fn a_refusal_is_told_from_a_fault() {
    let refused = render("{{ raise_exception('roles must alternate') }}", &json!([])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the model cannot be given these messages: roles must alternate"
    );
    assert!(matches!(
        render("{% for m in %}", &json!([])),
        Err(TemplateError::Broken(_))
    ));
    assert!(matches!(
        render("{{ unheard_of() }}", &json!([])),
        Err(TemplateError::Broken(_))
    ));
}

#[test]
fn a_template_that_does_not_end_is_ended() {
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    assert!(matches!(
        render(endless, &json!([])),
        Err(TemplateError::Broken(_))
    ));
}

#[test]
fn generation_marks_are_blocks() {
    let source =
        "{% for m in messages %}\n{%- generation -%}\n  {{ m.content }}\n{%- endgeneration %}\n{% endfor %}";
    assert_eq!(
        render(
            source,
            &json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
        )
        .unwrap(),
        "ab"
    );
}

#[test]
fn the_day_is_the_callers() {
    assert_eq!(
        render("{{ strftime_now('%d %b %Y') }}", &json!([])).unwrap(),
        "02 Jan 1970"
    );
}

#[test]
fn empty_lists_do_no_harm() {
    assert_eq!(
        render(
            "{% for m in messages[::-1] %}x{% endfor %}{{ ''[::-1] }}{{ 'abc'[::-1] }}",
            &json!([])
        )
        .unwrap(),
        "cba"
    );
}
