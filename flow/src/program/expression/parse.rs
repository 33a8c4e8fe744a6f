//! The parser of expressions. Depth and chains are bounded while they are read, so that neither the parser nor whoever
//! walks the tree can exhaust a stack.

use super::filter::Filter;
use super::filters;
use super::operator::{COMPARISON, NOT, OPERATORS, Operator};
use super::predicates;
use super::refusal::Refusal;
use super::syntax::Node;
use super::token::{Token, tokens};
use super::values::{MAX_DEPTH, cut};
use crate::finding::did_you_mean;
use serde_json::Value;

/// The functions that an expression can call.
const FUNCTIONS: &[&str] = &["range", "dict"];
/// Words that cannot name a variable.
const WORDS: &[&str] = &["and", "or", "not", "in", "is", "if", "else"];

/// A part of the tree with the number of its levels.
struct Tree {
    node: Node,
    levels: usize,
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

pub(super) fn parse(source: &str) -> Result<Node, Refusal> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0 };
    let tree = parser.expression()?;
    match parser.peek() {
        None => Ok(tree.node),
        Some(_) => Err(parser.unexpected("an operator or the end")),
    }
}

/// The tokens.
impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, sign: &str) -> bool {
        self.is_at(self.at, sign)
    }

    fn is_at(&self, at: usize, wanted: &str) -> bool {
        match self.tokens.get(at) {
            Some(Token::Sign(sign)) => *sign == wanted,
            Some(Token::Word(word)) => word == wanted,
            _ => false,
        }
    }

    fn skip(&mut self, wanted: &str) -> bool {
        let is = self.is(wanted);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Refusal> {
        if self.skip(wanted) { Ok(()) } else { Err(self.unexpected(&format!("`{wanted}`"))) }
    }

    fn word(&mut self, wanted: &str) -> Result<String, Refusal> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected(wanted)),
        }
    }

    fn unexpected(&self, wanted: &str) -> Refusal {
        Refusal::unreadable(match self.peek() {
            Some(token) => format!("unexpected {token}, expected {wanted}"),
            None => format!("it ends where {wanted} is expected"),
        })
    }
}

/// The bounds.
impl Parser {
    /// One level deeper into brackets, signs or `else`.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Parser) -> Result<T, Refusal>) -> Result<T, Refusal> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// A node above parts with `levels` levels.
    fn above(&self, levels: usize, node: Node) -> Result<Tree, Refusal> {
        if levels >= MAX_DEPTH { Err(too_deep()) } else { Ok(Tree { node, levels: levels + 1 }) }
    }
}

fn too_deep() -> Refusal {
    Refusal::unreadable(format!(
        "it has more than {MAX_DEPTH} levels of brackets, or operators, filters or fields in a row; \
         compute a part of it with `variable_set` first"
    ))
}

fn boxed(tree: Tree) -> Box<Node> {
    Box::new(tree.node)
}

/// Expressions and operators.
impl Parser {
    fn expression(&mut self) -> Result<Tree, Refusal> {
        self.deeper(|parser| {
            let mut tree = parser.binary(1)?;
            while parser.skip("if") {
                let condition = parser.binary(1)?;
                let otherwise = if parser.skip("else") { Some(parser.expression()?) } else { None };
                let levels = [&tree, &condition].into_iter().chain(&otherwise).map(|part| part.levels).max();
                let node = Node::Choice {
                    condition: boxed(condition),
                    then: boxed(tree),
                    otherwise: otherwise.map(boxed),
                };
                tree = parser.above(levels.unwrap_or_default(), node)?;
            }
            Ok(tree)
        })
    }

    /// Operands joined by operators that bind at least as tightly as `least`.
    fn binary(&mut self, least: u8) -> Result<Tree, Refusal> {
        let mut left = if least <= NOT && self.skip("not") {
            let operand = self.deeper(|parser| parser.binary(NOT))?;
            self.above(operand.levels, Node::Not(boxed(operand)))?
        } else {
            self.unary()?
        };
        let mut compared = false;
        while let Some((operator, binding, length)) = self.operator().filter(|found| found.1 >= least) {
            if compared && binding == COMPARISON {
                let help = "a comparison follows a comparison; write `a < b and b < c`";
                return Err(Refusal::unreadable(help));
            }
            compared = binding == COMPARISON;
            self.at += length;
            let right = self.binary(binding + 1)?;
            let levels = left.levels.max(right.levels);
            left = self.above(levels, Node::Binary(operator, boxed(left), boxed(right)))?;
        }
        Ok(left)
    }

    /// The operator at the cursor: how tightly it binds, and its number of tokens.
    fn operator(&self) -> Option<(Operator, u8, usize)> {
        if self.is("not") {
            return self.is_at(self.at + 1, "in").then_some((Operator::NotIn, COMPARISON, 2));
        }
        let (operator, _, binding) = OPERATORS.iter().find(|(_, sign, _)| self.is(sign))?;
        Some((*operator, *binding, 1))
    }

    fn unary(&mut self) -> Result<Tree, Refusal> {
        let operand = self.signed()?;
        self.filtered(operand)
    }

    /// A value with its fields, and a `-` before it.
    fn signed(&mut self) -> Result<Tree, Refusal> {
        if self.skip("-") {
            let operand = self.deeper(Parser::signed)?;
            return self.above(operand.levels, Node::Negative(boxed(operand)));
        }
        let value = self.primary()?;
        self.fields(value)
    }

    fn fields(&mut self, mut tree: Tree) -> Result<Tree, Refusal> {
        loop {
            if self.skip(".") {
                let name = match self.peek() {
                    Some(Token::Word(name)) => name.clone(),
                    Some(Token::Number(index)) => index.to_string(),
                    _ => return Err(self.unexpected("the name of a field")),
                };
                self.at += 1;
                tree = self.field(tree, name)?;
            } else if self.skip("[") {
                tree = self.subscript(tree)?;
            } else if self.is("(") {
                let what = format!("{} cannot be called", tree.node.shown());
                return Err(Refusal::unknown(format!("{what}; {}", known("function", FUNCTIONS, ""))));
            } else {
                return Ok(tree);
            }
        }
    }

    fn field(&mut self, tree: Tree, name: String) -> Result<Tree, Refusal> {
        let levels = tree.levels;
        let node = match tree.node {
            Node::Path(mut path) => {
                path.push(name);
                Node::Path(path)
            }
            node => Node::Field(Box::new(node), name),
        };
        self.above(levels, node)
    }

    /// `[index]`, `['name']` or `[start:stop:step]`, behind the bracket.
    fn subscript(&mut self, tree: Tree) -> Result<Tree, Refusal> {
        let mut bounds = [None, None, None];
        let mut levels = tree.levels;
        let mut colons = 0;
        loop {
            if !self.is(":") && !self.is("]") {
                let bound = self.expression()?;
                levels = levels.max(bound.levels);
                bounds[colons] = Some(bound.node);
            }
            if colons == 2 || !self.skip(":") {
                break;
            }
            colons += 1;
        }
        self.expect("]")?;
        if colons > 0 {
            return self.above(levels, Node::Slice(boxed(tree), Box::new(bounds)));
        }
        let [index, ..] = bounds;
        match index {
            Some(Node::Constant(Value::String(name))) if matches!(tree.node, Node::Path(_)) => {
                self.field(tree, name)
            }
            Some(index) => self.above(levels, Node::Index(boxed(tree), Box::new(index))),
            None => Err(Refusal::unreadable("`[]` behind a value is empty")),
        }
    }
}

/// Values.
impl Parser {
    fn primary(&mut self) -> Result<Tree, Refusal> {
        let Some(token) = self.peek().cloned() else { return Err(self.unexpected("a value")) };
        if let Some(value) = token.constant() {
            self.at += 1;
            return self.above(0, Node::Constant(value));
        }
        match token {
            Token::Word(name) if !WORDS.contains(&name.as_str()) => {
                self.at += 1;
                if self.is("(") { self.function(&name) } else { self.above(0, Node::Path(vec![name])) }
            }
            Token::Sign("(") => self.parenthesis(),
            Token::Sign("[") => {
                self.at += 1;
                let (items, levels) = self.items("]")?;
                self.above(levels, Node::List(items))
            }
            Token::Sign("{") => self.object(),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// `(a)`, or the list `(a, b)`.
    fn parenthesis(&mut self) -> Result<Tree, Refusal> {
        self.at += 1;
        if self.skip(")") {
            return self.above(0, Node::List(vec![]));
        }
        let first = self.expression()?;
        if self.skip(")") {
            return Ok(first);
        }
        self.expect(",")?;
        let (rest, levels) = self.items(")")?;
        let levels = levels.max(first.levels);
        self.above(levels, Node::List(std::iter::once(first.node).chain(rest).collect()))
    }

    /// Expressions up to the bracket that closes them, and the levels of the deepest.
    fn items(&mut self, close: &str) -> Result<(Vec<Node>, usize), Refusal> {
        let mut items = Vec::new();
        let mut levels = 0;
        while !self.skip(close) {
            let item = self.expression()?;
            levels = levels.max(item.levels);
            items.push(item.node);
            if !self.skip(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok((items, levels))
    }

    fn object(&mut self) -> Result<Tree, Refusal> {
        self.at += 1;
        let mut fields = Vec::new();
        let mut levels = 0;
        while !self.skip("}") {
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            levels = levels.max(key.levels).max(value.levels);
            fields.push((key.node, value.node));
            if !self.skip(",") {
                self.expect("}")?;
                break;
            }
        }
        self.above(levels, Node::Object(fields))
    }

    fn function(&mut self, name: &str) -> Result<Tree, Refusal> {
        let (given, named, levels) = self.arguments()?;
        let node = match name {
            "range" if named.is_empty() && (1..=3).contains(&given.len()) => Node::Range(given),
            "range" => return Err(Refusal::unreadable("`range` takes a start, an end and a step")),
            "dict" if given.is_empty() => {
                let field = |(name, value)| (Node::Constant(Value::String(name)), value);
                Node::Object(named.into_iter().map(field).collect())
            }
            "dict" => return Err(Refusal::unreadable("`dict` takes names with values: `dict(a=1)`")),
            _ => {
                let what = format!("there is no function `{}`", cut(name));
                return Err(Refusal::unknown(format!("{what}; {}", known("function", FUNCTIONS, name))));
            }
        };
        self.above(levels, node)
    }
}

type Arguments = (Vec<Node>, Vec<(String, Node)>, usize);

/// Filters, tests and their arguments.
impl Parser {
    fn filtered(&mut self, mut tree: Tree) -> Result<Tree, Refusal> {
        loop {
            if self.skip("|") {
                let name = self.word("the name of a filter")?;
                let filter = find_filter(&name)?;
                let (given, named, levels) =
                    if self.is("(") { self.arguments()? } else { Arguments::default() };
                let arguments = bind(filter, given, named)?;
                let levels = levels.max(tree.levels);
                tree = self.above(levels, Node::Filter(filter, boxed(tree), arguments))?;
            } else if self.skip("is") {
                tree = self.test(tree)?;
            } else {
                return Ok(tree);
            }
        }
    }

    fn test(&mut self, tree: Tree) -> Result<Tree, Refusal> {
        let is_negated = self.skip("not");
        let name = self.word("the name of a test")?;
        let predicate = predicates::find(&name).ok_or_else(|| {
            let what = format!("there is no test `{}`", cut(&name));
            Refusal::unknown(format!("{what}; {}", known("test", &predicates::names(), &name)))
        })?;
        let (arguments, levels) = if self.is("(") {
            let (given, named, levels) = self.arguments()?;
            if !named.is_empty() {
                return Err(Refusal::unreadable(format!("the test `{name}` takes no named values")));
            }
            (given, levels)
        } else if predicate.arguments > 0 {
            let operand = self.deeper(Parser::signed)?;
            (vec![operand.node], operand.levels)
        } else {
            (vec![], 0)
        };
        if arguments.len() != predicate.arguments {
            let (has, takes) = (arguments.len(), predicate.arguments);
            return Err(Refusal::unreadable(format!("the test `{name}` has {has} values, it takes {takes}")));
        }
        let levels = levels.max(tree.levels);
        let tested = self.above(levels, Node::Is(predicate, boxed(tree), arguments))?;
        if is_negated { self.above(tested.levels, Node::Not(boxed(tested))) } else { Ok(tested) }
    }

    /// `(a, b, name=c)`
    fn arguments(&mut self) -> Result<Arguments, Refusal> {
        self.expect("(")?;
        let (mut given, mut named, mut levels) = Arguments::default();
        while !self.skip(")") {
            let name = match self.peek() {
                Some(Token::Word(name)) if self.is_at(self.at + 1, "=") => Some(name.clone()),
                _ => None,
            };
            self.at += if name.is_some() { 2 } else { 0 };
            let value = self.expression()?;
            levels = levels.max(value.levels);
            match name {
                Some(name) => named.push((name, value.node)),
                None if named.is_empty() => given.push(value.node),
                None => return Err(Refusal::unreadable("a value without a name follows one with a name")),
            }
            if !self.skip(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok((given, named, levels))
    }
}

fn find_filter(name: &str) -> Result<&'static Filter, Refusal> {
    filters::find(name).ok_or_else(|| {
        let what = format!("there is no filter `{}`", cut(name));
        Refusal::unknown(format!("{what}; {}", known("filter", &filters::names(), name)))
    })
}

/// What there is instead of an unknown name.
fn known(what: &str, names: &[&str], got: &str) -> String {
    let help = did_you_mean(got, names.iter().copied());
    match help.strip_prefix("Known names: ") {
        Some(list) => format!("the {what}s are {}", list.trim_end_matches('.')),
        None => help.trim_end_matches('?').replacen("Did you mean", "perhaps", 1),
    }
}

/// The arguments in the order in which the filter takes them.
fn bind(
    filter: &'static Filter,
    given: Vec<Node>,
    named: Vec<(String, Node)>,
) -> Result<Vec<Option<Node>>, Refusal> {
    let (name, takes) = (filter.name, filter.parameters);
    if given.len() > takes.len() && !filter.takes_more {
        let has = given.len();
        let most = takes.len();
        return Err(Refusal::unreadable(format!("the filter `{name}` has {has} values, it takes {most}")));
    }
    if let (Some(Node::Constant(Value::String(inner))), true) = (given.first(), name == "map") {
        find_filter(inner)?;
    }
    if let (Some(Node::Constant(Value::String(inner))), true) =
        (given.get(filter.test_at.unwrap_or(usize::MAX)), filter.test_at.is_some())
        && predicates::find(inner).is_none()
    {
        let what = format!("there is no test `{}`", cut(inner));
        return Err(Refusal::unknown(format!("{what}; {}", known("test", &predicates::names(), inner))));
    }
    let mut arguments: Vec<Option<Node>> = given.into_iter().map(Some).collect();
    if arguments.len() < takes.len() {
        arguments.resize_with(takes.len(), || None);
    }
    for (key, value) in named {
        let slot = takes.iter().position(|known| *known == key).and_then(|at| arguments.get_mut(at));
        match slot {
            Some(slot @ None) => *slot = Some(value),
            Some(Some(_)) => {
                return Err(Refusal::unreadable(format!("the filter `{name}` has `{key}` twice")));
            }
            None => {
                let what = format!("the filter `{name}` takes no `{}`", cut(&key));
                return Err(Refusal::unreadable(format!("{what}; {}", known("name", takes, &key))));
            }
        }
    }
    match arguments.iter().take(filter.required).position(Option::is_none) {
        Some(at) => Err(Refusal::unreadable(format!("the filter `{name}` needs `{}`", takes[at]))),
        None => Ok(arguments),
    }
}
