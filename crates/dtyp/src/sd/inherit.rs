//! How a child gets its descriptor from its parent, its creator and its class. MS-DTYP 2.5.3.4.
