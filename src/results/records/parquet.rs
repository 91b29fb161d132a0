//! Parquet: columns with a schema, packed in groups of rows.

use std::fmt::Write as _;
use std::io::Read;

use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;

use super::{Broken, Record, Records, codes};

/// The rows of a Parquet file. Its index stands at its end, so the packed file is held whole; rows are unpacked one
/// group after another.
pub(super) struct Parquet {
    header: Vec<String>,
    rows: RowIter<'static>,
    row: u64,
}

/// Most bytes of a file that is held.
const LIMIT: u64 = 1 << 30;

impl Parquet {
    /// Reads the file and its schema.
    pub(super) fn new(input: impl Read) -> Result<Self, Broken> {
        let mut bytes = Vec::new();
        input.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| Broken::unread(&error))?;
        if bytes.len() as u64 > LIMIT {
            let what = "is Parquet of more than 1 GiB, which is held whole";
            return Err(Broken::new(codes::UNKNOWN_FORMAT, None, what, "split it, or save it as packed CSV"));
        }
        let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(|why| damaged(None, &why))?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema().get_fields();
        let header = schema.iter().map(|field| field.name().to_owned()).collect();
        Ok(Self { header, rows: RowIter::from_file_into(Box::new(reader)), row: 0 })
    }
}

fn damaged(row: Option<u64>, why: &parquet::errors::ParquetError) -> Broken {
    let place = row.map_or_else(String::new, |row| format!(" in row {row}"));
    let help = "make the file anew, with snappy or gzip pages";
    Broken::new(codes::BROKEN_FILE, row, format!("is no Parquet that can be read{place}: {why}"), help)
}

impl Records for Parquet {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn is_open(&self) -> bool {
        false
    }

    fn next(&mut self, record: &mut Record) -> Result<bool, Broken> {
        let Some(row) = self.rows.next() else { return Ok(false) };
        self.row += 1;
        let row = row.map_err(|why| damaged(Some(self.row), &why))?;
        record.clear(self.row);
        for (_, field) in row.get_column_iter() {
            let start = record.text.len() as u32;
            // Writing to a text does not fail.
            let _ = match field {
                Field::Null => Ok(()),
                Field::Str(text) => record.text.write_str(text),
                other => write!(record.text, "{other}"),
            };
            record.places.push((start, record.text.len() as u32));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn file(compression: Compression) -> Vec<u8> {
        let schema = "message runs { REQUIRED INT64 width; OPTIONAL DOUBLE error; REQUIRED BYTE_ARRAY task (UTF8); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
        for group in 0..2_i64 {
            let mut rows = writer.next_row_group().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[64 + group, 128 + group], None, None).unwrap();
            column.close().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<DoubleType>().write_batch(&[0.25], Some(&[1, 0]), None).unwrap();
            column.close().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            let texts = ["a, b", "ß"].map(|text| ByteArray::from(text.as_bytes().to_vec()));
            column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
            column.close().unwrap();
            rows.close().unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn rows_are_read_group_after_group() {
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
            let bytes = file(compression);
            let mut table = Parquet::new(bytes.as_slice()).unwrap();
            assert_eq!(table.header(), ["width", "error", "task"]);
            let mut record = Record::default();
            let mut rows = Vec::new();
            while table.next(&mut record).unwrap() {
                rows.push((record.line, (0..record.len()).map(|i| record.cell(i).to_owned()).collect::<Vec<_>>()));
            }
            assert_eq!(rows.len(), 4);
            assert_eq!(rows[0], (1, vec!["64".to_owned(), "0.25".to_owned(), "a, b".to_owned()]));
            assert_eq!(rows[3], (4, vec!["129".to_owned(), String::new(), "ß".to_owned()]));
        }
    }

    #[test]
    fn broken_files_are_told() {
        let bytes = file(Compression::SNAPPY);
        for wrong in [&b""[..], b"PAR1", &bytes[..bytes.len() - 9]] {
            assert!(Parquet::new(wrong).is_err());
        }
    }
}
