//! The directory itself: objects, links, naming contexts, searches, updates, access control and the store.
