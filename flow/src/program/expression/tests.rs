use super::*;
use serde_json::json;

struct Variables(Value);

impl Lookup for Variables {
    fn root(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn path(&self, path: &[String]) -> Option<Value> {
        path.iter().try_fold(&self.0, |value, key| value.get(key)).cloned()
    }
}

fn evaluate(text: &str) -> Evaluation {
    let variables = Variables(json!({
        "call": { "from": "+15550100" }, "n": 3, "list": [1, 2],
        "actions": { "9e-1": { "digits": "42" } }
    }));
    Template::parse(text).unwrap().evaluate(&variables).unwrap()
}

#[test]
fn a_text_that_is_one_expression_keeps_its_type() {
    assert_eq!(evaluate("${n}").value, json!(3));
    assert_eq!(evaluate("${n * 2 + 1}").value, json!(7));
    assert_eq!(evaluate("${list}").value, json!([1, 2]));
    assert_eq!(evaluate("n is ${n}").value, json!("n is 3"));
}

#[test]
fn braces_and_strings_within_an_expression_do_not_end_it() {
    assert_eq!(evaluate("${ {'a': '}'}.a }!").value, json!("}!"));
    assert_eq!(evaluate(r#"${"it's ${n}"}"#).value, json!("it's ${n}"));
}

#[test]
fn an_action_id_needs_not_be_an_identifier() {
    assert_eq!(evaluate("${actions.9e-1.digits}").value, json!("42"));
    assert_eq!(evaluate("${actions['9e-1'].digits}").value, json!("42"));
}

#[test]
fn what_is_missing_is_empty_and_named() {
    assert_eq!(
        evaluate("Hello ${name}"),
        Evaluation { value: json!("Hello "), missing: vec!["name".into()] }
    );
    assert_eq!(
        evaluate("${call.to ~ '!'}"),
        Evaluation { value: json!("!"), missing: vec!["call.to".into()] }
    );
    assert_eq!(evaluate("${name | default('you')}"), Evaluation { value: json!("you"), missing: vec![] });
}

#[test]
fn what_costs_too_much_is_an_error() {
    let variables = Variables(json!({}));
    for greedy in ["${'a' * 90000000}", "${range(99999) | list | length}", "${'aaaaaaaaaa' * 7000}"] {
        assert!(Template::parse(greedy).unwrap().evaluate(&variables).is_err(), "{greedy}");
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    assert!(Template::parse("Hello ${name").unwrap_err().contains("no closing"));
    assert!(Template::parse("${1 +}").unwrap_err().contains("`1 +` cannot be read"));
    assert!(Template::parse("${}").unwrap_err().contains("empty"));
    assert!(Template::parse_expression("${a} > 1").unwrap_err().contains("beside"));
}

#[test]
fn a_template_and_what_it_comes_to_have_a_size() {
    let longest = "x".repeat(MAX_SOURCE_BYTES);
    assert!(Template::parse(&longest).is_ok());
    assert!(Template::parse(&format!("{longest}x")).unwrap_err().contains("16385 bytes, the limit is 16384"));
    assert!(Template::parse_expression(&longest).is_ok());
    assert!(
        Template::parse_expression(&format!("{longest}x"))
            .unwrap_err()
            .contains("16385 bytes, the limit is 16384")
    );

    let comes_to = |template: &str, value: Value| {
        let variables = Variables(json!({ "x": value }));
        Template::parse(template)
            .unwrap()
            .evaluate(&variables)
            .map_err(|what| assert_eq!(what, "the result has 65537 bytes, the limit is 65536"))
    };
    let text = |length: usize| json!("x".repeat(length));
    // A list of one text has four characters more than the text.
    for (template, most) in [("${x}", text(65_536)), ("${x}y", text(65_535)), ("${x}", json!([text(65_532)]))]
    {
        assert!(comes_to(template, most).is_ok(), "{template}");
    }
    for (template, more) in [("${x}", text(65_537)), ("${x}y", text(65_536)), ("${x}", json!([text(65_533)]))]
    {
        assert!(comes_to(template, more).is_err(), "{template}");
    }
}

#[test]
fn a_condition_may_stand_within_braces_or_not() {
    for text in ["n > 2", "${n > 2}", " ${ n > 2 } "] {
        let variables = Variables(json!({ "n": 3 }));
        let outcome = Template::parse_expression(text).unwrap().evaluate(&variables).unwrap();
        assert_eq!(outcome.value, json!(true), "{text}");
    }
}

#[test]
fn a_quote_with_a_backslash_does_not_end_its_string() {
    assert_eq!(evaluate(r"${'it\'s } {'}").value, json!("it's } {"));
    assert_eq!(evaluate(r"${'\\'}}").value, json!("\\}"));
}

/// Only in `actions.<id>.<key>` is a minus part of a name; elsewhere it is a sign.
#[test]
fn a_minus_is_part_of_an_action_id_and_of_no_other_name() {
    let reads = |text: &str| -> Vec<String> {
        Template::parse(text).unwrap().reads().map(|path| path.join(".")).collect()
    };
    assert_eq!(reads("${actions.9e-1.digits}"), ["actions.9e-1.digits"]);
    assert_eq!(reads("${actions.a.digits-n}"), ["actions.a.digits", "n"]);
    assert_eq!(reads("${actions.a-n}"), ["actions.a", "n"]);
    assert_eq!(reads("${call.a-n.b}"), ["call.a", "n.b"]);
    assert!(Template::parse("${actions..digits}").is_err());
}

#[test]
fn a_template_tells_the_variables_that_it_reads_and_no_functions() {
    let reads = |text: &str| -> Vec<String> {
        Template::parse(text).unwrap().reads().map(|path| path.join(".")).collect()
    };
    assert_eq!(reads("${a.b} and ${c + _d1}"), ["a.b", "_d1", "c"]);
    assert_eq!(reads("${range(n) | list} ${dict(a=1)}"), ["n"]);
    assert_eq!(reads("no expression"), [""; 0]);
}
