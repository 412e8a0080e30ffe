//! ClickHouse's output formats. In: the name of a format. Out: its media type, and how separately formatted pieces become one result. Never: formats
//! a value.

/// How the engine's pieces, each formatted as a separate result, join into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joining {
    /// Rows follow one another; pieces are concatenated.
    Plain,
    /// Every piece repeats a header, which is removed from the second piece on.
    Header(Header),
    /// A frame around all rows: cannot be put together from pieces.
    Whole,
}

/// The shape of a repeated header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// This many lines; line ends within values are escaped.
    Lines(usize),
    /// This many lines of CSV, where a quoted name may hold line ends.
    Csv(usize),
    /// A count, then this many times that number of texts (names, then perhaps types).
    Binary(usize),
}

/// Settings that change how a format frames its rows, so that pieces no longer join as its name says.
const REFRAMING: [&str; 2] =
    ["output_format_json_array_of_rows", "output_format_binary_encode_types_in_binary_format"];

/// How pieces in this format join. `texts` are the SQL and the names of the settings in force.
#[must_use]
pub(super) fn joining<'a>(format: &str, texts: impl IntoIterator<Item = &'a [u8]>) -> Joining {
    let reframed = texts.into_iter().any(|text| {
        REFRAMING.iter().any(|name| text.windows(name.len()).any(|window| window == name.as_bytes()))
    });
    if reframed {
        return Joining::Whole;
    }
    match format {
        "TabSeparated"
        | "TSV"
        | "TabSeparatedRaw"
        | "TSVRaw"
        | "Raw"
        | "CSV"
        | "RowBinary"
        | "Native"
        | "TSKV"
        | "JSONEachRow"
        | "JSONLines"
        | "NDJSON"
        | "JSONStringsEachRow"
        | "JSONCompactEachRow"
        | "JSONCompactStringsEachRow"
        | "LineAsString"
        | "MsgPack"
        | "Null" => Joining::Plain,
        "TabSeparatedWithNames"
        | "TSVWithNames"
        | "TabSeparatedRawWithNames"
        | "TSVRawWithNames"
        | "RawWithNames"
        | "JSONCompactEachRowWithNames"
        | "JSONCompactStringsEachRowWithNames" => Joining::Header(Header::Lines(1)),
        "TabSeparatedWithNamesAndTypes"
        | "TSVWithNamesAndTypes"
        | "TabSeparatedRawWithNamesAndTypes"
        | "TSVRawWithNamesAndTypes"
        | "RawWithNamesAndTypes"
        | "JSONCompactEachRowWithNamesAndTypes"
        | "JSONCompactStringsEachRowWithNamesAndTypes" => Joining::Header(Header::Lines(2)),
        "CSVWithNames" => Joining::Header(Header::Csv(1)),
        "CSVWithNamesAndTypes" => Joining::Header(Header::Csv(2)),
        "RowBinaryWithNames" => Joining::Header(Header::Binary(1)),
        "RowBinaryWithNamesAndTypes" => Joining::Header(Header::Binary(2)),
        _ => Joining::Whole,
    }
}

/// Whether this can be the name of a format, so that it is safe in SQL.
#[must_use]
pub(super) fn is_name(format: &str) -> bool {
    !format.is_empty() && format.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The media type ClickHouse declares for a format.
#[must_use]
pub(super) fn content_type(format: &str) -> &'static str {
    match format {
        "TabSeparated"
        | "TSV"
        | "TabSeparatedRaw"
        | "TSVRaw"
        | "Raw"
        | "TabSeparatedWithNames"
        | "TSVWithNames"
        | "TabSeparatedWithNamesAndTypes"
        | "TSVWithNamesAndTypes"
        | "TSKV" => "text/tab-separated-values; charset=UTF-8",
        "CSV" => "text/csv; charset=UTF-8; header=absent",
        "CSVWithNames" | "CSVWithNamesAndTypes" => "text/csv; charset=UTF-8; header=present",
        "JSONEachRow" | "JSONLines" | "NDJSON" | "JSONStringsEachRow" | "JSONCompactEachRow" => {
            "application/x-ndjson; charset=UTF-8"
        }
        "XML" => "application/xml; charset=UTF-8",
        "HTML" => "text/html; charset=UTF-8",
        "RowBinary"
        | "RowBinaryWithNames"
        | "RowBinaryWithNamesAndTypes"
        | "Native"
        | "Parquet"
        | "Arrow"
        | "ArrowStream"
        | "ORC"
        | "MsgPack"
        | "Avro" => "application/octet-stream",
        json if json.starts_with("JSON") => "application/json; charset=UTF-8",
        _ => "text/plain; charset=UTF-8",
    }
}

impl Header {
    /// Length of the header at the start of `piece`; `None` when the piece does not hold all of it.
    #[must_use]
    pub(super) fn length(self, piece: &[u8]) -> Option<usize> {
        match self {
            Self::Lines(lines) => piece
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'\n')
                .nth(lines - 1)
                .map(|(at, _)| at + 1),
            Self::Csv(lines) => {
                let mut in_quotes = false;
                let ends = piece.iter().enumerate().filter(|(_, byte)| {
                    in_quotes ^= **byte == b'"';
                    **byte == b'\n' && !in_quotes
                });
                ends.map(|(at, _)| at + 1).nth(lines - 1)
            }
            Self::Binary(times) => {
                let (columns, mut at) = varint(piece, 0)?;
                for _ in 0..columns.checked_mul(times)? {
                    let (length, start) = varint(piece, at)?;
                    at = start.checked_add(length).filter(|end| *end <= piece.len())?;
                }
                Some(at)
            }
        }
    }
}

/// An unsigned LEB128 number at `at`, and where it ends.
fn varint(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests;
