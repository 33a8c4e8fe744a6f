//! Decoding of the scripts' answers.

use common::StoreError;
use common::member::MemberId;
use common::ports::work::{Control, Token};
use common::record::{BadRecord, Entry, Record, trigger_from_bytes};
use common::{ActiveflowId, Shard};
use flow::Timestamp;
use redis::Value;

/// Values of one answer, read from the front.
pub struct Reply {
    operation: &'static str,
    values: std::vec::IntoIter<Value>,
}

impl Reply {
    pub fn new(operation: &'static str, value: Value) -> Result<Reply, StoreError> {
        match value {
            Value::Array(values) => Ok(Reply { operation, values: values.into_iter() }),
            other => Err(unexpected(operation, &format!("an array, got {}", kind_of(&other)))),
        }
    }

    pub fn rest(&self) -> usize {
        self.values.len()
    }

    pub fn value(&mut self) -> Result<Value, StoreError> {
        self.values.next().ok_or_else(|| unexpected(self.operation, "one more value"))
    }

    pub fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.value()? {
            Value::BulkString(bytes) => Ok(bytes),
            Value::SimpleString(text) => Ok(text.into_bytes()),
            Value::Int(number) => Ok(number.to_string().into_bytes()),
            Value::Nil => Ok(Vec::new()),
            other => Err(unexpected(self.operation, &format!("a string, got {}", kind_of(&other)))),
        }
    }

    pub fn text(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.bytes()?).map_err(|_| unexpected(self.operation, "a text"))
    }

    pub fn number(&mut self) -> Result<u64, StoreError> {
        let text = self.text()?;
        text.parse::<f64>()
            .map(|number| number.max(0.0) as u64)
            .map_err(|_| unexpected(self.operation, &format!("a number, got `{text}`")))
    }

    pub fn time(&mut self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_micros(self.number()? as i64))
    }

    /// Reads a time; `None` for an empty text or zero.
    pub fn time_or_none(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let text = self.text()?;
        let micros = text.parse::<f64>().unwrap_or_default() as i64;
        Ok((micros != 0).then(|| Timestamp::from_micros(micros)))
    }

    pub fn id(&mut self) -> Result<ActiveflowId, StoreError> {
        let bytes = self.bytes()?;
        <[u8; 16]>::try_from(bytes.as_slice())
            .map(ActiveflowId::from_bytes)
            .map_err(|_| unexpected(self.operation, &format!("an id of 16 bytes, got {}", bytes.len())))
    }

    pub fn nested(&mut self) -> Result<Reply, StoreError> {
        let operation = self.operation;
        Reply::new(operation, self.value()?)
    }

    pub fn list(&mut self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut list = self.nested()?;
        (0..list.rest()).map(|_| list.bytes()).collect()
    }

    pub fn entries(&mut self) -> Result<Vec<Entry>, StoreError> {
        let operation = self.operation;
        self.list()?.iter().map(|bytes| Entry::from_bytes(bytes).map_err(|e| bad(operation, &e))).collect()
    }

    /// Reads the new head of a record, and the record before that.
    pub fn record(&mut self) -> Result<Record, StoreError> {
        let (head, mut bytes) = (self.bytes()?, self.bytes()?);
        let Some(old) = bytes.get_mut(..head.len()) else {
            return Err(unexpected(self.operation, "a record behind its head"));
        };
        old.copy_from_slice(&head);
        Record::from_bytes(&bytes).map_err(|e| bad(self.operation, &e))
    }

    /// Reads the event that started an activeflow; empty if its key is lost.
    pub fn trigger(&mut self) -> Result<Vec<u8>, StoreError> {
        let operation = self.operation;
        match self.bytes()? {
            lost if lost.is_empty() => Ok(lost),
            bytes => trigger_from_bytes(&bytes).map(<[u8]>::to_vec).map_err(|e| bad(operation, &e)),
        }
    }

    pub fn control(&mut self) -> Result<Option<Control>, StoreError> {
        let bytes = self.bytes()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        Control::from_bytes(&bytes).map(Some).ok_or_else(|| unexpected(self.operation, "a control"))
    }
}

pub fn token(worker: MemberId, nonce: u64) -> [u8; 24] {
    Token { worker, nonce }.to_bytes()
}

pub fn shard_from(message: &str) -> Option<Shard> {
    message.parse().ok().map(Shard)
}

pub fn bad(operation: &'static str, error: &BadRecord) -> StoreError {
    match error {
        BadRecord::TooNew { found } => {
            StoreError::TooNew { operation, found: *found, supported: common::record::formats().1 }
        }
        damaged => StoreError::Corrupt { operation, what: damaged.to_string() },
    }
}

pub fn unexpected(operation: &'static str, wanted: &str) -> StoreError {
    StoreError::Corrupt { operation, what: format!("unexpected answer of a script: expected {wanted}") }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) | Value::Okay => "a string",
        Value::Array(_) => "an array",
        _ => "something else",
    }
}
