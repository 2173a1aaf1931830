//! What crosses the wire: the params of the steps of a job over many receipts, and their outputs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::params::ReceiptParams;

/// One step. The inputs of a step that reads receipts start with the job's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum BooksStep {
    /// Reads a shard; the last input is the list.
    Read(ReadStep),
    /// Joins the rows of shards, or of merges.
    Merge(MergeStep),
    /// Writes tables, workbook and report of the rows.
    Write(WriteStep),
}

/// Receipts to read, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadStep {
    pub params: ReceiptParams,
    pub shard: BookShard,
}

/// Joins rows, which are so many in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MergeStep {
    pub of: ReadShard,
}

/// Writes the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WriteStep {
    /// Files that do not look like receipts by name.
    pub files_passed_over: u64,
    /// Folders that could not or should not be walked.
    pub folders_passed_over: u64,
}

/// Successive lines of the list: the receipts that one step reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BookShard {
    pub offset: u64,
    pub bytes: u64,
    pub receipts: u32,
}

/// The output of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum BooksOutput {
    Read(ReadShard),
    Merge(ReadShard),
    Write(ReadShard),
}

/// The contents of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BooksListing {
    pub receipts: u64,
    pub files_passed_over: u64,
    pub folders_passed_over: u64,
    pub shards: Vec<BookShard>,
}

/// How many receipts there are, and of how many nothing could be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadShard {
    pub receipts: u64,
    pub unreadable: u64,
}

impl std::iter::Sum for ReadShard {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |all, part| Self {
            receipts: all.receipts + part.receipts,
            unreadable: all.unreadable + part.unreadable,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_are_on_the_wire_as_they_were() {
        let shard = BookShard { offset: 1, bytes: 2, receipts: 3 };
        let step = BooksStep::Read(ReadStep { params: ReceiptParams::default(), shard });
        let value = serde_json::to_value(&step).unwrap();
        assert_eq!((&value["do"], &value["shard"]), (&json!("read"), &json!({"offset": 1, "bytes": 2, "receipts": 3})));
        assert_eq!(serde_json::from_value::<BooksStep>(value).unwrap(), step);
        let output = BooksOutput::Merge(ReadShard { receipts: 5, unreadable: 1 });
        assert_eq!(serde_json::to_value(output).unwrap(), json!({"done": "merge", "receipts": 5, "unreadable": 1}));
    }
}
