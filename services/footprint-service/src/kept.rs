//! How a footprint is kept: what is read and listed as a row; what is handed over in exact bytes, and may be large, as
//! blobs by digest beside it.

use proto::footprint::Footprint;
use record::instrument::Sha256;
use runtime::Refusal;
use store::{BlobStore, Put};

use crate::error::DOMAIN;

/// A footprint without its large members.
#[derive(Debug)]
pub struct Kept {
    /// The row: SHA-256 stands where exact bytes did, that of the plant file and the rules in hexadecimal digits.
    pub row: Footprint,
    /// What the digests stand for.
    pub blobs: Vec<Vec<u8>>,
}

fn blob_name(digest: &str) -> String {
    format!("footprints/{digest}")
}

impl Kept {
    /// What to keep of a footprint.
    pub fn of(mut row: Footprint) -> Self {
        let mut blobs = Vec::new();
        let mut aside = |bytes: Vec<u8>| {
            let digest = Sha256::of(&bytes);
            blobs.push(bytes);
            digest
        };
        row.plant_toml = aside(std::mem::take(&mut row.plant_toml).into_bytes()).to_string();
        if !row.product_category_rules_toml.is_empty() {
            let rules = std::mem::take(&mut row.product_category_rules_toml);
            row.product_category_rules_toml = aside(rules.into_bytes()).to_string();
        }
        row.statement = aside(std::mem::take(&mut row.statement)).0.to_vec();
        for bytes in row.supplier_statements.iter_mut().chain(&mut row.supplier_certificates) {
            *bytes = aside(std::mem::take(bytes)).0.to_vec();
        }
        Kept { row, blobs }
    }

    /// Writes the blobs: before the row that names them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn write(&self, blobs: &dyn BlobStore) -> Result<(), Refusal> {
        for bytes in &self.blobs {
            let name = blob_name(&Sha256::of(bytes).to_string());
            match blobs.put_if_absent(&name, bytes).await.map_err(|error| Refusal::store(DOMAIN, &error))? {
                Put::Created | Put::Same => {}
                Put::Different => return Err(Refusal::internal(DOMAIN, "a blob does not have its digest")),
            }
        }
        Ok(())
    }
}

async fn blob(blobs: &dyn BlobStore, digest: &str) -> Result<Vec<u8>, Refusal> {
    let damaged = || Refusal::internal(DOMAIN, "a stored footprint cannot be read");
    let bytes = blobs.get(&blob_name(digest)).await.map_err(|error| Refusal::store(DOMAIN, &error))?;
    let bytes = bytes.ok_or_else(damaged)?;
    if Sha256::of(&bytes).to_string() == digest { Ok(bytes) } else { Err(damaged()) }
}

/// Exact bytes of what stands as a digest.
async fn exact(blobs: &dyn BlobStore, digest: &[u8]) -> Result<Vec<u8>, Refusal> {
    let digest = digest.try_into().map_err(|_| Refusal::internal(DOMAIN, "a digest is not 32 bytes"))?;
    blob(blobs, &Sha256(digest).to_string()).await
}

async fn text(blobs: &dyn BlobStore, digest: &str) -> Result<String, Refusal> {
    let text = String::from_utf8(blob(blobs, digest).await?);
    text.map_err(|_| Refusal::internal(DOMAIN, "a stored file is no text"))
}

/// The statement of a row.
pub async fn statement(row: &Footprint, blobs: &dyn BlobStore) -> Result<Vec<u8>, Refusal> {
    exact(blobs, &row.statement).await
}

/// The footprint of a row, whole.
pub async fn whole(mut row: Footprint, blobs: &dyn BlobStore) -> Result<Footprint, Refusal> {
    row.plant_toml = text(blobs, &row.plant_toml).await?;
    if !row.product_category_rules_toml.is_empty() {
        row.product_category_rules_toml = text(blobs, &row.product_category_rules_toml).await?;
    }
    row.statement = statement(&row, blobs).await?;
    for bytes in row.supplier_statements.iter_mut().chain(&mut row.supplier_certificates) {
        *bytes = exact(blobs, bytes).await?;
    }
    Ok(row)
}

/// The footprint of a row as lists show it.
pub fn listed(mut row: Footprint) -> Footprint {
    row.plant_toml.clear();
    row.product_category_rules_toml.clear();
    row.statement.clear();
    row.supplier_statements.clear();
    row.supplier_certificates.clear();
    row
}
