//! The filters of expressions, by name.

mod lists;
mod numbers;
mod texts;

use super::evaluator::{Evaluator, Fault, Operand};
use super::filter::{Arguments, Filter, Run};

const fn filter(
    name: &'static str,
    parameters: &'static [&'static str],
    required: usize,
    run: Run,
) -> Filter {
    Filter { name, parameters, required, takes_more: false, test_at: None, run }
}

/// A filter that applies a test to each item.
const fn choosing(name: &'static str, parameters: &'static [&'static str], run: Run) -> Filter {
    let test_at = Some(parameters.len() - 1);
    Filter { name, parameters, required: parameters.len() - 1, takes_more: true, test_at, run }
}

static FILTERS: &[Filter] = &[
    filter("abs", &[], 0, numbers::abs),
    filter("attr", &["name"], 1, lists::attr),
    filter("batch", &["count", "fill_with"], 1, lists::batch),
    filter("bool", &[], 0, numbers::truth),
    filter("capitalize", &[], 0, texts::capitalize),
    filter("count", &[], 0, lists::length),
    filter("default", &["default_value", "boolean"], 0, unchanged),
    filter("dictsort", &["case_sensitive", "by", "reverse"], 0, lists::dictsort),
    filter("first", &[], 0, lists::first),
    filter("float", &["default"], 0, numbers::float),
    filter("indent", &["width", "first", "blank"], 0, texts::indent),
    filter("int", &["default", "base"], 0, numbers::int),
    filter("items", &[], 0, lists::items),
    filter("join", &["d", "attribute"], 0, lists::join),
    filter("last", &[], 0, lists::last),
    filter("length", &[], 0, lists::length),
    filter("lines", &[], 0, texts::lines),
    filter("list", &[], 0, lists::list),
    filter("lower", &[], 0, texts::lower),
    Filter {
        name: "map",
        parameters: &["filter", "attribute", "default"],
        required: 0,
        takes_more: true,
        test_at: None,
        run: lists::map,
    },
    filter("max", &["case_sensitive", "attribute"], 0, lists::max),
    filter("min", &["case_sensitive", "attribute"], 0, lists::min),
    choosing("reject", &["test"], lists::reject),
    choosing("rejectattr", &["attribute", "test"], lists::rejectattr),
    filter("replace", &["old", "new", "count"], 2, texts::replace),
    filter("reverse", &[], 0, lists::reverse),
    filter("round", &["precision", "method"], 0, numbers::round),
    choosing("select", &["test"], lists::select),
    choosing("selectattr", &["attribute", "test"], lists::selectattr),
    filter("slice", &["count", "fill_with"], 1, lists::slice),
    filter("sort", &["reverse", "case_sensitive", "attribute"], 0, lists::sort),
    filter("split", &["split", "maxsplit"], 0, texts::split),
    filter("string", &[], 0, texts::string),
    filter("sum", &["attribute", "start"], 0, lists::sum),
    filter("title", &[], 0, texts::title),
    filter("tojson", &[], 0, texts::tojson),
    filter("trim", &["chars"], 0, texts::trim),
    filter("unique", &["case_sensitive", "attribute"], 0, lists::unique),
    filter("upper", &[], 0, texts::upper),
];

/// The filter of a name; `d` is `default`.
pub(super) fn find(name: &str) -> Option<&'static Filter> {
    let name = if name == "d" { "default" } else { name };
    FILTERS.iter().find(|filter| filter.name == name)
}

pub(super) fn names() -> Vec<&'static str> {
    FILTERS.iter().map(|filter| filter.name).collect()
}

/// `default`, whose value the evaluator itself chooses.
fn unchanged<'v>(
    _: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Result<Operand<'v>, Fault> {
    Ok(if value.is_some() { value } else { arguments.get(0).clone() })
}
