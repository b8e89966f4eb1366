//! Requests to domain words; the conversions of resources stand beside the messages.

use proto::fields::Fields;
use record::name;

/// A parent of this pattern, and the name of a child in it.
pub fn child(
    fields: &mut Fields,
    pattern: &'static str,
    parent: &str,
    collection: &str,
    field: &str,
    id: &str,
) -> Option<String> {
    let parent_fits = fields.check("parent", name::parts(pattern, parent)).is_some();
    let id_fits = fields.check(field, name::check_id(id)).is_some();
    (parent_fits && id_fits).then(|| format!("{parent}/{collection}/{id}"))
}

/// A site.
pub fn site(fields: &mut Fields, site: &Option<proto::metering::Site>) -> Option<proto::metering::Site> {
    let site = fields.message("site", site)?;
    fields.text("site.display_name", &site.display_name, 200);
    if site.country.len() != 2 || !site.country.bytes().all(|b| b.is_ascii_uppercase()) {
        fields.refuse("site.country", "must be an ISO 3166-1 alpha-2 code, for example TR");
    }
    Some(site.clone())
}

/// The second as of which a state is asked for: now and always where none is stated.
pub fn known_at(fields: &mut Fields, time: &Option<prost_types::Timestamp>) -> i64 {
    fields.optional_time("known_time", time).map_or(i64::MAX, |time| time.as_second())
}
