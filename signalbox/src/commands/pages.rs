//! Lists that come in pages, put together.

use crate::client::{Client, Path};
use crate::failure::Failure;
use serde::Deserialize;
use serde_json::Value;

/// The most that the API gives at once.
const PAGE: usize = 200;

pub struct Pages {
    pub rows: Vec<Value>,
    /// There are more than were asked for.
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
/// What the API says.
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
/// What the API says.
pub async fn all(client: &Client, path: &Path) -> Result<Vec<Value>, Failure> {
    collect(client, path, usize::MAX).await.map(|pages| pages.rows)
}

/// A list that comes whole.
///
/// # Errors
/// What the API says.
pub async fn whole(client: &Client, path: &Path) -> Result<Vec<Value>, Failure> {
    let page: Page = client.get(path.as_str()).await?;
    Ok(page.result)
}
