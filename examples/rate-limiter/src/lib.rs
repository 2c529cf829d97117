//! The internal service of the story: shows and changes rate limits, logs users in against the directory.
