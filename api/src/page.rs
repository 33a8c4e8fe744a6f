//! Paging. A token names the last scanned item, so that no item is skipped or repeated.

use crate::api::Api;
use crate::problem::Problem;
use common::ActiveflowId;
use common::identity::hex;
use common::ports::lookup::{ActiveflowSnapshot, ListQuery};
use flow::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

pub const PAGE_SIZE: u32 = 50;
pub const MAX_PAGE_SIZE: u32 = 200;
/// Maximum number of activeflows scanned per request. With a selective filter, a page may be short although more follow.
const MAX_SCANNED: usize = 2_000;
const SCAN_BATCH: u32 = 200;

/// Size and start of a page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Maximum number of results
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub page_size: Option<u32>,
    /// `next_page_token` of the previous page
    pub page_token: Option<String>,
}

/// A position in the order (creation time, id).
pub type Position = (Timestamp, ActiveflowId);

/// The matching activeflows, and the position at which to continue.
pub struct Page {
    pub found: Vec<ActiveflowSnapshot>,
    pub next: Option<Position>,
}

/// The requested page size, or the default.
///
/// # Errors
/// 400 outside 1 to 200.
pub fn size(requested: Option<u32>) -> Result<usize, Problem> {
    match requested.unwrap_or(PAGE_SIZE) {
        size @ 1..=MAX_PAGE_SIZE => Ok(size as usize),
        size => {
            let detail = format!("`page_size` is {size}, expected 1 to {MAX_PAGE_SIZE}");
            Err(Problem::bad_request("invalid_query", detail))
        }
    }
}

/// Scans a customer's activeflows, newest first, from the position `older_than`.
///
/// # Errors
/// As [`Api::ask`].
pub async fn scan(
    api: &Api,
    customer_id: &str,
    mut older_than: Option<Position>,
    size: usize,
    matches: impl Fn(&ActiveflowSnapshot) -> bool,
) -> Result<Page, Problem> {
    let mut page = Page { found: Vec::new(), next: None };
    let mut scanned = 0;
    // If everything matches, one read is enough: the page, and whether more follow.
    let mut limit = size as u32 + 1;
    while scanned < MAX_SCANNED {
        let query = ListQuery { customer_id: customer_id.to_owned(), before: older_than, limit };
        limit = SCAN_BATCH;
        let some = api.ask(|| api.ports.lookup.list(&query)).await?;
        if some.is_empty() {
            return Ok(page);
        }
        for found in some {
            if page.found.len() == size {
                page.next = older_than;
                return Ok(page);
            }
            scanned += 1;
            older_than = Some((found.record.created, found.id));
            if matches(&found) {
                page.found.push(found);
            }
        }
    }
    page.next = older_than;
    Ok(page)
}

/// Opaque for clients: 48 hexadecimal digits.
pub fn token(position: Option<Position>) -> String {
    position.map_or_else(String::new, |(created, id)| {
        hex(&created.as_micros().to_be_bytes()) + &hex(id.as_bytes())
    })
}

/// A page of items that are all in memory, each with its sort key. The token names the last item of the page.
///
/// # Errors
/// 400 for an invalid token.
pub fn cut<T>(
    mut all: Vec<(String, T)>,
    size: usize,
    token: Option<&str>,
) -> Result<(Vec<T>, String), Problem> {
    all.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        let last = unhex(token).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid_token)?;
        all.retain(|(key, _)| *key > last);
    }
    let has_more = all.len() > size;
    all.truncate(size);
    let next = all.last().filter(|_| has_more).map_or_else(String::new, |(key, _)| hex(key.as_bytes()));
    Ok((all.into_iter().map(|(_, item)| item).collect(), next))
}

/// # Errors
/// 400 unless [`token`] created the text.
pub fn position(token: Option<&str>) -> Result<Option<Position>, Problem> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let bytes: [u8; 24] = unhex(token).and_then(|bytes| bytes.try_into().ok()).ok_or_else(invalid_token)?;
    let (mut created, mut id) = ([0; 8], [0; 16]);
    created.copy_from_slice(&bytes[..8]);
    id.copy_from_slice(&bytes[8..]);
    Ok(Some((Timestamp::from_micros(i64::from_be_bytes(created)), ActiveflowId::from_bytes(id))))
}

fn invalid_token() -> Problem {
    let detail = "`page_token` is not a token of this list; send the `next_page_token` of the previous page, or leave it out for the first page";
    Problem::bad_request("invalid_query", detail)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back() {
        let id: ActiveflowId = "fe666626-404e-8cda-8f91-548226f0eb5a".parse().unwrap();
        for micros in [0, -1, 1_795_323_600_012_345] {
            let at = (Timestamp::from_micros(micros), id);
            assert_eq!(position(Some(&token(Some(at)))).unwrap(), Some(at));
        }
        assert_eq!((position(None).unwrap(), position(Some("")).unwrap()), (None, None));
        for wrong in ["x", &"g".repeat(48), &"0".repeat(47), &"\u{e9}".repeat(24), &"+".repeat(48)] {
            assert_eq!(position(Some(wrong)).unwrap_err().status, 400, "{wrong}");
        }
    }

    #[test]
    fn items_in_memory_are_cut_into_pages() {
        let all = || ["c", "a", "b"].map(|name| (name.to_owned(), name)).to_vec();
        let (first, token) = cut(all(), 2, None).unwrap();
        assert_eq!(first, ["a", "b"]);
        assert_eq!(cut(all(), 2, Some(&token)).unwrap(), (vec!["c"], String::new()));
        assert_eq!(cut(all(), 3, Some("")).unwrap().1, "");
        assert_eq!(cut(all(), 3, Some("zz")).unwrap_err().status, 400);
    }
}
