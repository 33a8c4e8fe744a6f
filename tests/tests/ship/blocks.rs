//! Shell blocks in the documentation.
//!
//! A block with the fence `sh` is run. A block with `sh no-run: REASON` is skipped.

use crate::read;

pub struct Block {
    /// Line of the fence, from 1.
    pub line: usize,
    pub text: String,
    /// Reason for not running it.
    pub skipped: Option<String>,
}

/// The shell blocks of a page, in order.
pub fn of_page(path: &str) -> Vec<Block> {
    of_text(path, &read(path))
}

fn of_text(path: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, Some(info)) => Some((index + 1, info.trim(), String::new())),
            (Some((line, info, text)), Some("")) => {
                blocks.extend(block(path, line, info, text));
                None
            }
            (Some((at, info, text)), _) => Some((at, info, text + line + "\n")),
            (None, None) => None,
        };
    }
    assert!(open.is_none(), "{path}: a block is not closed");
    blocks
}

fn block(path: &str, line: usize, info: &str, text: String) -> Option<Block> {
    let mut words = info.splitn(2, ' ');
    if words.next() != Some("sh") {
        return None;
    }
    let skipped = words.next().map(|rest| {
        let reason = rest.strip_prefix("no-run: ").filter(|reason| !reason.trim().is_empty());
        reason.unwrap_or_else(|| panic!("{path}:{line}: write `sh` or `sh no-run: REASON`")).to_owned()
    });
    Some(Block { line, text, skipped })
}

#[test]
fn blocks_are_found_with_their_line_and_reason_to_skip() {
    let text = "a\n```sh\none\n  two\n```\n```json\n{}\n```\n```sh no-run: takes long\nthree\n```\n";
    let blocks: Vec<_> =
        of_text("x", text).into_iter().map(|block| (block.line, block.text, block.skipped)).collect();
    let expected =
        [(2, "one\n  two\n".to_owned(), None), (9, "three\n".to_owned(), Some("takes long".to_owned()))];
    assert_eq!(blocks, expected);
}
