//! Reading `/metrics` of a process, and sums over what was read.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Values by metric name, labels summed up, and by whole series as it is written.
pub type Readings = BTreeMap<String, f64>;

/// Current counters of the process at this loopback port; `None` if it does not answer.
pub async fn read(port: u16) -> Option<Readings> {
    let text = tokio::time::timeout(Duration::from_secs(3), get(port, "/metrics")).await.ok()?.ok()?;
    Some(parse(&text))
}

/// The body of an answer, whatever its status.
///
/// # Errors
/// Nothing listens, or the connection breaks.
pub async fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn parse(text: &str) -> Readings {
    let mut readings = Readings::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let name = series.split('{').next().unwrap_or(series);
        if let Ok(value) = value.parse::<f64>() {
            *readings.entry(name.to_owned()).or_default() += value;
            if name != series {
                readings.insert(series.to_owned(), value);
            }
        }
    }
    readings
}

pub fn add(sum: &mut Readings, more: &Readings) {
    for (name, value) in more {
        *sum.entry(name.clone()).or_default() += value;
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn labels_are_summed_up_and_kept() {
        let text = "# TYPE a counter\na{x=\"1 2\"} 3\na{x=\"2\"} 4\nb 0.5\n";
        let readings = parse(text);
        assert_eq!((readings["a"], readings["b"]), (7.0, 0.5));
        assert_eq!(readings["a{x=\"1 2\"}"], 3.0);
    }
}
