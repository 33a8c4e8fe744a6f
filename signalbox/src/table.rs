//! Tables with aligned columns, no wider than the terminal.

use common::printable;

/// Columns of this width stay whole: ids, which people copy.
const ID_WIDTH: usize = 36;
/// Width to which a column is cut at most, unless its heading is longer.
const NARROW: usize = 8;
const GAP: usize = 2;

pub struct Table {
    pub headings: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// `width`: the width of the terminal; `None` cuts nothing. `styled`: with escape sequences.
    pub fn text(&self, width: Option<usize>, styled: bool) -> String {
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| printable::one_line(cell).into_owned()).collect())
            .collect();
        let mut widths: Vec<usize> = self.headings.iter().map(|heading| heading.len()).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(length(cell));
            }
        }
        if let Some(width) = width {
            self.narrow(&mut widths, width);
        }
        let (bold, plain) = if styled { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let headings: Vec<String> = self.headings.iter().map(|heading| (*heading).to_owned()).collect();
        let mut text = format!("{bold}{}{plain}\n", line(&headings, &widths));
        for row in &rows {
            text.push_str(&line(row, &widths));
            text.push('\n');
        }
        text
    }

    /// Cuts the widest columns until the table fits. Ids stay whole.
    fn narrow(&self, widths: &mut [usize], width: usize) {
        let gaps = GAP * widths.len().saturating_sub(1);
        let excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
        let least = |at: usize| self.headings[at].len().max(NARROW);
        let may_shrink: Vec<usize> = (0..widths.len()).filter(|at| widths[*at] != ID_WIDTH).collect();
        for _ in 0..excess {
            let shrinkable = may_shrink.iter().filter(|at| widths[**at] > least(**at));
            let Some(widest) = shrinkable.max_by_key(|at| widths[**at]) else { return };
            widths[*widest] -= 1;
        }
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{:width$}", cut(cell, *width))).collect();
    padded.join("  ").trim_end().to_owned()
}

fn cut(cell: &str, width: usize) -> String {
    if length(cell) <= width {
        return cell.to_owned();
    }
    cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn length(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(headings: &[&'static str], rows: &[&[&str]]) -> Table {
        let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        Table { headings: headings.to_vec(), rows }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_nothing_trails() {
        let table = table(&["NAME", "N"], &[&["a", "1"], &["größer", "22"]]);
        assert_eq!(table.text(None, false), "NAME    N\na       1\ngrößer  22\n");
    }

    #[test]
    fn a_wide_table_fits_the_terminal_and_its_ids_stay_whole() {
        let id = "8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f";
        let (flow, detail) = ("Support line of Example Telecom", "x".repeat(200));
        let table = table(&["ID", "FLOW", "DETAIL"], &[&[id, flow, &detail]]);
        for width in [100, 80, 60] {
            let text = table.text(Some(width), false);
            assert!(text.lines().all(|line| length(line) <= width), "{width}: {text}");
            assert!(text.contains(id) && text.contains('…'), "{width}: {text}");
        }
        assert!(table.text(Some(120), false).contains(flow), "the widest column is cut first");
        assert!(table.text(None, false).contains(&detail));
    }

    #[test]
    fn a_cell_stays_on_its_line() {
        let text = table(&["A"], &[&["x\n\x1b[2Jy"]]).text(None, false);
        assert_eq!(text, "A\nx\\n\\u{1b}[2Jy\n");
    }
}
