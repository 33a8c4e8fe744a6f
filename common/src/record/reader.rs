//! Reads the fields of a stored value from its front.

use super::types::{BadRecord, formats};
use flow::{Class, Timestamp};

pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    pub what: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader behind the format byte.
    pub fn open(bytes: &'a [u8], what: &'static str) -> Result<Reader<'a>, BadRecord> {
        let mut reader = Reader { bytes, at: 0, what };
        let (oldest, newest) = formats();
        match reader.byte()? {
            found if found > newest => Err(BadRecord::TooNew { found }),
            found if found >= oldest => Ok(reader),
            _ => Err(BadRecord::Damaged { what, at: 0, length: bytes.len() }),
        }
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], BadRecord> {
        let part = self.bytes.get(self.at..self.at.saturating_add(length)).ok_or_else(|| self.damaged())?;
        self.at += length;
        Ok(part)
    }

    /// All bytes that follow.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], BadRecord> {
        let mut array = [0u8; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn byte(&mut self) -> Result<u8, BadRecord> {
        Ok(self.take(1)?[0])
    }

    pub fn short(&mut self) -> Result<u16, BadRecord> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn number(&mut self) -> Result<u32, BadRecord> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn long(&mut self) -> Result<u64, BadRecord> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub fn time(&mut self) -> Result<Timestamp, BadRecord> {
        Ok(Timestamp::from_micros(i64::from_be_bytes(self.array()?)))
    }

    pub fn text(&mut self) -> Result<String, BadRecord> {
        let length = self.short()?;
        self.text_of(usize::from(length))
    }

    pub fn text_of(&mut self, length: usize) -> Result<String, BadRecord> {
        let part = self.take(length)?;
        String::from_utf8(part.to_vec()).map_err(|_| self.damaged())
    }

    pub fn class(&mut self) -> Result<Class, BadRecord> {
        match self.byte()? {
            0 => Ok(Class::Voice),
            1 => Ok(Class::Chat),
            2 => Ok(Class::Forms),
            3 => Ok(Class::Service),
            _ => Err(self.damaged()),
        }
    }

    pub fn damaged(&self) -> BadRecord {
        BadRecord::Damaged { what: self.what, at: self.at, length: self.bytes.len() }
    }
}
