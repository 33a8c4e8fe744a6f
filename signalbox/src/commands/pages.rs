//! Reads lists of the API page by page.

use crate::client::{Client, Path};
use crate::failure::Failure;
use serde::Deserialize;
use serde_json::Value;

/// Maximum page size of the API.
const PAGE: usize = 200;

pub struct Pages {
    pub rows: Vec<Value>,
    /// Whether the list has more rows.
    pub has_more: bool,
}

#[derive(Deserialize)]
struct Page {
    result: Vec<Value>,
    #[serde(default)]
    next_page_token: String,
}

/// Up to `limit` rows of a list.
///
/// # Errors
/// The request fails.
pub async fn collect(client: &Client, path: &Path, limit: usize) -> Result<Pages, Failure> {
    let mut rows: Vec<Value> = Vec::new();
    let mut token = None;
    loop {
        let size = (limit - rows.len()).min(PAGE);
        let path = path.clone().with("page_size", Some(size)).with("page_token", token.as_ref());
        let page: Page = client.get(path.as_str()).await?;
        rows.extend(page.result);
        let is_last = page.next_page_token.is_empty();
        if is_last || rows.len() >= limit {
            return Ok(Pages { rows, has_more: !is_last });
        }
        token = Some(page.next_page_token);
    }
}

/// Every row of a list.
///
/// # Errors
/// The request fails.
pub async fn all(client: &Client, path: &Path) -> Result<Vec<Value>, Failure> {
    collect(client, path, usize::MAX).await.map(|pages| pages.rows)
}

/// Every row of a list without pages.
///
/// # Errors
/// The request fails.
pub async fn unpaged(client: &Client, path: &Path) -> Result<Vec<Value>, Failure> {
    let page: Page = client.get(path.as_str()).await?;
    Ok(page.result)
}
