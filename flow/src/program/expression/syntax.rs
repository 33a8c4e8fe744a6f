//! The syntax tree of an expression.

use super::filter::Filter;
use super::operator::Operator;
use super::predicates::Predicate;
use super::values::cut;
use serde_json::Value;

/// An expression or a part of it. At most [`super::values::MAX_DEPTH`] levels deep, so that whoever walks it may recurse.
#[derive(Debug)]
pub(super) enum Node {
    Constant(Value),
    /// A variable, or a field of one: `call.from`.
    Path(Vec<String>),
    List(Vec<Node>),
    Object(Vec<(Node, Node)>),
    /// A field of a computed value: `(a | first).name`.
    Field(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    /// `value[start:stop:step]`
    Slice(Box<Node>, Box<[Option<Node>; 3]>),
    Negative(Box<Node>),
    Not(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// `then if condition else otherwise`
    Choice {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
    Filter(&'static Filter, Box<Node>, Vec<Option<Node>>),
    /// `value is predicate`
    Is(&'static Predicate, Box<Node>, Vec<Node>),
    /// `range(…)`
    Range(Vec<Node>),
}

impl Node {
    /// The part as a message names it.
    pub fn shown(&self) -> String {
        match self {
            Node::Constant(value) => crate::json::shown(value),
            Node::Path(path) => format!("`{}`", cut(&path.join("."))),
            Node::Filter(filter, ..) => format!("the result of `{}`", filter.name),
            Node::Binary(operator, ..) => format!("the result of `{}`", operator.sign()),
            Node::List(_) => "the list".to_owned(),
            _ => "the value".to_owned(),
        }
    }

    /// The direct parts.
    pub fn parts(&self) -> Vec<&Node> {
        match self {
            Node::Constant(_) | Node::Path(_) => vec![],
            Node::List(items) | Node::Range(items) => items.iter().collect(),
            Node::Object(fields) => fields.iter().flat_map(|(key, value)| [key, value]).collect(),
            Node::Field(value, _) | Node::Negative(value) | Node::Not(value) => vec![value],
            Node::Index(value, at) => vec![value, at],
            Node::Slice(value, bounds) => std::iter::once(&**value).chain(bounds.iter().flatten()).collect(),
            Node::Binary(_, left, right) => vec![left, right],
            Node::Choice { condition, then, otherwise } => {
                [&**condition, &**then].into_iter().chain(otherwise.as_deref()).collect()
            }
            Node::Filter(_, value, arguments) => {
                std::iter::once(&**value).chain(arguments.iter().flatten()).collect()
            }
            Node::Is(_, value, arguments) => std::iter::once(&**value).chain(arguments).collect(),
        }
    }
}
