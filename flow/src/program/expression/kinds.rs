//! What is known of an expression's values before the flow runs: comparisons that can only fail.

use super::operator::Operator;
use super::syntax::Node;

/// The kind of a value, as far as it is known before the flow runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Unknown,
}

const TEXTS: &[&str] =
    &["lower", "upper", "capitalize", "title", "trim", "replace", "join", "string", "indent", "tojson"];
const NUMBERS: &[&str] = &["length", "count", "sum", "abs", "round"];

/// The comparisons of a text with a number in `node`. `known` gives the kinds of variables.
pub(super) fn mistakes(node: &Node, known: &dyn Fn(&[String]) -> Kind, found: &mut Vec<String>) {
    match node {
        Node::Binary(operator, left, right) if operator.is_comparison() => {
            compared(*operator, left, right, known, found)
        }
        Node::Is(predicate, value, arguments) => {
            if let (Some(operator), Some(other)) = (predicate.comparison(), arguments.first()) {
                compared(operator, value, other, known, found);
            }
        }
        _ => {}
    }
    for part in node.parts() {
        mistakes(part, known, found);
    }
}

fn compared(
    operator: Operator,
    left: &Node,
    right: &Node,
    known: &dyn Fn(&[String]) -> Kind,
    found: &mut Vec<String>,
) {
    let others = match (operator, right) {
        (Operator::In | Operator::NotIn, Node::List(items)) => items.iter().collect(),
        (Operator::In | Operator::NotIn, _) => return,
        (_, right) => vec![right],
    };
    let kind = kind_of(left, known);
    let differs = |other: &&Node| match (kind, kind_of(other, known)) {
        (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text) => true,
        (Kind::Text | Kind::Number | Kind::Unknown, _) => false,
    };
    let Some(other) = others.iter().find(|other| differs(other)).filter(|_| others.iter().all(differs))
    else {
        return;
    };
    let (one, two) = match kind {
        Kind::Text => ("a text", "a number"),
        _ => ("a number", "a text"),
    };
    found.push(format!("{} is {one}, and {} is {two}", left.shown(), other.shown()));
}

fn kind_of(node: &Node, known: &dyn Fn(&[String]) -> Kind) -> Kind {
    let same = |one: Kind, other: Kind| if one == other { one } else { Kind::Unknown };
    match node {
        Node::Constant(value) if value.is_string() => Kind::Text,
        Node::Constant(value) if value.is_number() => Kind::Number,
        Node::Path(path) => known(path),
        Node::Negative(_) => Kind::Number,
        Node::Binary(Operator::Join, ..) => Kind::Text,
        Node::Binary(Operator::Add, left, right) => same(kind_of(left, known), kind_of(right, known)),
        Node::Binary(Operator::Or | Operator::And, ..) => Kind::Unknown,
        Node::Binary(operator, ..) if !operator.is_comparison() => Kind::Number,
        Node::Choice { then, otherwise: Some(otherwise), .. } => {
            same(kind_of(then, known), kind_of(otherwise, known))
        }
        Node::Filter(filter, value, arguments) => match (filter.name, arguments.first()) {
            (name, _) if TEXTS.contains(&name) => Kind::Text,
            (name, _) if NUMBERS.contains(&name) => Kind::Number,
            ("int" | "float", Some(Some(default))) => same(Kind::Number, kind_of(default, known)),
            ("int" | "float", _) => Kind::Number,
            ("default", Some(Some(default))) => same(kind_of(value, known), kind_of(default, known)),
            _ => Kind::Unknown,
        },
        _ => Kind::Unknown,
    }
}
