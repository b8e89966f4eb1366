//! Each engine against the one suite.

mod in_memory {
    use std::sync::Arc;
    use store::conformance::{Blobs, Rows};

    mod rows {
        use super::*;

        store::rows_conform!({
            let store: Rows = Arc::new(store::MemoryStore::new());
            async move || store.clone()
        });
    }

    mod blobs {
        use super::*;

        store::blobs_conform!({
            let store: Blobs = Arc::new(store::MemoryBlobs::new());
            async move || store.clone()
        });
    }
}

mod in_a_folder {
    use std::sync::Arc;
    use store::conformance::{Blobs, Rows};

    mod rows {
        use super::*;

        store::rows_conform!({
            let folder = tempfile::tempdir().expect("a folder");
            async move || Arc::new(store::FolderStore::open(folder.path()).expect("rows")) as Rows
        });
    }

    mod blobs {
        use super::*;

        store::blobs_conform!({
            let folder = tempfile::tempdir().expect("a folder");
            async move || Arc::new(store::FolderBlobs::open(folder.path()).expect("blobs")) as Blobs
        });
    }
}

mod in_rocksdb {
    use std::sync::Arc;
    use store::conformance::Rows;

    store::rows_conform!({
        let folder = tempfile::tempdir().expect("a folder");
        async move || Arc::new(store::RocksStore::open(folder.path()).expect("rows")) as Rows
    });
}
