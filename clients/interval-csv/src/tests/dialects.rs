//! A series written in any dialect is read back as the same grid.

use jiff::tz::TimeZone;

use super::*;

/// How a file is written; everything that is not found out by itself is stated in its profile.
#[derive(Debug, Clone)]
struct Dialect {
    delimiter: char,
    comma: bool,
    grouped: bool,
    /// Pattern of date and time.
    format: &'static str,
    state_format: bool,
    apart: bool,
    header: bool,
    ends: bool,
    latest_first: bool,
    preamble: u32,
    zone: &'static str,
    compression: Compression,
}

const FORMATS: [&str; 4] = ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M", "%Y-%m-%dT%H:%M:%S%:z"];
const ZONES: [&str; 5] = ["UTC", "+09:00", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];

prop_compose! {
    fn dialect()(
        delimiter in prop::sample::select(vec![',', ';', '\t']),
        (comma, grouped, state_format, apart, header) in any::<(bool, bool, bool, bool, bool)>(),
        (ends, latest_first) in any::<(bool, bool)>(),
        format in prop::sample::select(FORMATS.to_vec()),
        zone in prop::sample::select(ZONES.to_vec()),
        preamble in 0u32..3,
        compression in prop::sample::select(vec![Compression::None, Compression::Gzip, Compression::Zstd]),
    ) -> Dialect {
        // Apart, date and time of day are two fields, which a format with an offset in one text is not.
        let apart = apart && !format.contains('T');
        Dialect { delimiter, comma, grouped, format, state_format, apart, header, ends, latest_first, preamble, zone, compression }
    }
}

/// A start in one of the months in which clocks change, in half-hours of which a few are missing, in hundredths.
fn series() -> impl Strategy<Value = (i64, u32, Vec<Option<i64>>)> {
    let start = prop::sample::select(vec![1_679_500_800i64, 1_698_364_800, 1_699_056_000, 1_672_531_200]);
    let step = prop::sample::select(vec![900u32, 1_800, 3_600]);
    let value = prop_oneof![1 => Just(None), 9 => (0i64..5_000_000).prop_map(Some)];
    // The first is there: it shows how many decimals there are.
    (start, 0i64..24, step, 0i64..5_000_000, prop::collection::vec(value, 60..300)).prop_map(
        |(start, hour, step, first, rest)| {
            let values = std::iter::once(Some(first)).chain(rest).collect();
            (start + hour * 3_600, step, values)
        },
    )
}

impl Dialect {
    fn profile(&self) -> CsvProfile {
        let state = self.state_format.then(|| self.format.replace('T', if self.apart { " " } else { "T" }));
        CsvProfile {
            skip_lines: self.preamble,
            zone: (!self.format.contains("%:z")).then(|| self.zone.parse().unwrap()),
            stamp: if self.ends { Stamp::End } else { Stamp::Start },
            time_format: state.map(|format| format.parse().unwrap()),
            unit: (!self.header).then_some(Unit::Kilowatthour),
            value_column: (!self.header).then_some(Column::Number(if self.apart { 3 } else { 2 })),
            ..CsvProfile::default()
        }
    }

    /// The times of so many rows as they are written.
    fn times(&self, start: i64, step: u32, rows: usize) -> Vec<String> {
        let zone: TimeZone = match self.zone {
            "UTC" => TimeZone::UTC,
            "+09:00" => TimeZone::fixed(jiff::tz::offset(9)),
            name => jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap(),
        };
        let time = |i: usize| {
            let at = start + i64::from(step) * (i as i64 + i64::from(self.ends));
            Timestamp::from_second(at).unwrap().to_zoned(zone.clone()).strftime(self.format).to_string()
        };
        (0..rows).map(time).collect()
    }

    /// Whether a time stands twice.
    fn repeats(&self, start: i64, step: u32, rows: usize) -> bool {
        let times = self.times(start, step, rows);
        times.iter().collect::<std::collections::BTreeSet<_>>().len() < times.len()
    }

    fn write(&self, start: i64, step: u32, values: &[Option<i64>]) -> Vec<u8> {
        let mut rows: Vec<String> = Vec::new();
        for (time, value) in self.times(start, step, values.len()).into_iter().zip(values) {
            let time = if self.apart { time.replacen(' ', &self.delimiter.to_string(), 1) } else { time };
            let value = value.map_or(String::new(), |value| self.number(value));
            rows.push(format!("{time}{}{value}\n", self.delimiter));
        }
        if self.latest_first {
            rows.reverse();
        }
        let mut text = "Meter 7, \"main\n".repeat(self.preamble as usize);
        if self.header {
            let names: &[&str] = if self.apart { &["Date", "Time", "Energy (kWh)"] } else { &["time", "energy_kwh"] };
            text += &names.join(&self.delimiter.to_string());
            text += "\n";
        }
        text.extend(rows);
        match self.compression {
            Compression::None => text.into_bytes(),
            Compression::Zstd => {
                ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
            }
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text.as_bytes()).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    /// Hundredths as a number, in quotes where the delimiter is in it.
    fn number(&self, value: i64) -> String {
        let (mark, group) = if self.comma { (',', ".") } else { ('.', ",") };
        let (whole, cents) = (value / 100, value % 100);
        let whole = match (self.grouped, whole / 1_000) {
            (true, thousands) if thousands > 0 => format!("{thousands}{group}{:03}", whole % 1_000),
            _ => whole.to_string(),
        };
        let text = format!("{whole}{mark}{cents:02}");
        if text.contains(self.delimiter) { format!("\"{text}\"") } else { text }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_series_is_read_as_it_was_written((start, step, values) in series(), dialect in dialect()) {
        let bytes = dialect.write(start, step, &values);
        let series = read(&bytes, &dialect.profile());
        let series = match series {
            Ok(series) => series,
            // It begins or ends in that hour, or it has hours of a clock that is put back by half an hour.
            Err(CsvError::RepeatedHour { .. }) if !dialect.repeats(start, step, values.len()) => return Ok(()),
            // Of few days, which can be those of two months.
            Err(CsvError::UndecidedDate { .. }) if dialect.format.contains("%m/%d") => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(format!("{error}: {dialect:?}\n{}", shown(&bytes)))),
        };
        prop_assert_eq!((series.start.as_second(), series.step_secs), (start, step));
        prop_assert_eq!(series.resolution.as_str(), "0.01");
        prop_assert_eq!(&series.values, &values);
        let sum: i64 = values.iter().flatten().sum();
        prop_assert_eq!(&series.report.total, &Decimal::from_scaled(i128::from(sum), -2).unwrap());
        // What was found out, stated, finds the same.
        let text = series.report.profile.to_toml().unwrap();
        let again = CsvProfile::from_toml(&text).unwrap();
        prop_assert_eq!(&again, &series.report.profile);
        let again = read(&bytes, &again).unwrap();
        prop_assert_eq!(IntervalSeries { report: again.report.clone(), ..series.clone() }, again);
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(600).collect()
}
