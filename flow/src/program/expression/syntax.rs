//! The syntax tree of an expression.

use super::filters::Filter;
use super::predicates::Predicate;
use serde_json::Value;

/// An expression or a part of it. At most [`super::MAX_DEPTH`] levels deep, so that whoever walks it may recurse.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Add,
    Subtract,
    Join,
    Multiply,
    Divide,
    DivideWhole,
    Remainder,
    Power,
}

use Operator::{
    Add, And, Divide, DivideWhole, Equal, Greater, GreaterOrEqual, In, Join, Less, LessOrEqual, Multiply,
    NotIn, Or, Power, Remainder, Subtract, Unequal,
};

/// Every operator with its sign and how tightly it binds.
pub(super) const OPERATORS: &[(Operator, &str, u8)] = &[
    (Or, "or", 1),
    (And, "and", 2),
    (Equal, "==", 4),
    (Unequal, "!=", 4),
    (LessOrEqual, "<=", 4),
    (GreaterOrEqual, ">=", 4),
    (Less, "<", 4),
    (Greater, ">", 4),
    (In, "in", 4),
    (NotIn, "not in", 4),
    (Add, "+", 5),
    (Subtract, "-", 5),
    (Join, "~", 6),
    (Multiply, "*", 7),
    (Divide, "/", 7),
    (DivideWhole, "//", 7),
    (Remainder, "%", 7),
    (Power, "**", 8),
];

/// How tightly comparisons bind, and `not` just below them.
pub(super) const COMPARISON: u8 = 4;
pub(super) const NOT: u8 = 3;

impl Operator {
    pub fn sign(self) -> &'static str {
        OPERATORS.iter().find(|(operator, ..)| *operator == self).map_or("", |(_, sign, _)| sign)
    }

    pub fn is_comparison(self) -> bool {
        matches!(self, Equal | Unequal | Less | LessOrEqual | Greater | GreaterOrEqual | In | NotIn)
    }
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Whether it names a filter, a test or a function that does not exist.
    pub is_unknown_name: bool,
    pub message: String,
}

impl Refusal {
    pub fn unreadable(message: impl Into<String>) -> Refusal {
        Refusal { is_unknown_name: false, message: message.into() }
    }

    pub fn unknown(message: impl Into<String>) -> Refusal {
        Refusal { is_unknown_name: true, message: message.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Node {
    /// The part as a message names it.
    pub fn shown(&self) -> String {
        match self {
            Node::Constant(value) => crate::json::shown(value),
            Node::Path(path) => format!("`{}`", super::cut(&path.join("."))),
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
