//! The operators of expressions, their signs, and how tightly they bind.

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
