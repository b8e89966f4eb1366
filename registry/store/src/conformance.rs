//! What every engine must do: one suite, written against the two traits, for the engines here and those of other crates.
//!
//! ```ignore
//! mod in_memory {
//!     store::rows_conform!({
//!         let store: Arc<dyn RegistryStore> = Arc::new(MemoryStore::new());
//!         async move || store.clone()
//!     });
//! }
//! ```
//!
//! What the macro is given is evaluated once a test and must give an async closure that opens the engine, where nothing is
//! stored the first time. It is called again after everything that it gave was dropped, and must then find all that was
//! committed. The tests run on tokio, of which the crate needs `macros` and `rt-multi-thread`.
//!
//! Everything here panics where an engine breaks its promise, as tests do.

pub mod blobs;
pub mod model;
pub mod rows;

use std::sync::Arc;

use crate::{BlobStore, RegistryStore};

/// An engine of rows, as the suite sees it.
pub type Rows = Arc<dyn RegistryStore>;
/// An engine of blobs, as the suite sees it.
pub type Blobs = Arc<dyn BlobStore>;

/// Tests that hold an engine to [`RegistryStore`]; see [`crate::conformance`].
#[macro_export]
macro_rules! rows_conform {
    ($open:expr) => {
        $crate::rows_conform! { @ $open;
            rows::rows_are_read_as_written_in_their_part_and_namespace
            rows::keys_and_values_are_any_bytes_in_byte_order
            rows::scans_keep_order_bounds_and_pages_both_ways
            rows::pages_show_each_row_once_while_others_are_inserted
            rows::a_batch_is_applied_whole_or_not_at_all
            rows::a_stale_epoch_is_fenced
            rows::two_writers_race_for_one_head
            rows::of_concurrent_commits_on_one_row_one_wins
            rows::limits_are_the_same_everywhere
            rows::tokens_grow_and_what_they_stand_for_can_be_read
            rows::each_write_fails_twice_and_is_made_once
            rows::everything_is_there_after_a_reopening
            model::the_model_agrees
        }
    };
    (@ $open:expr; $($module:ident::$case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $case() {
            $crate::conformance::$module::$case(&$open).await;
        })*
    };
}

/// Tests that hold an engine to [`BlobStore`]; see [`crate::conformance`].
#[macro_export]
macro_rules! blobs_conform {
    ($open:expr) => {
        $crate::rows_conform! { @ $open;
            blobs::blobs_never_change_except_by_compare_and_set
            blobs::ranges_end_where_the_blob_ends
            blobs::blobs_are_listed_in_order_and_in_pages
            blobs::of_concurrent_puts_of_one_blob_one_wins
            blobs::a_bad_name_reaches_nothing
            blobs::each_put_fails_twice_and_is_made_once
            blobs::blobs_are_there_after_a_reopening
        }
    };
}
