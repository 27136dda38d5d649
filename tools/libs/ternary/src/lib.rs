//! Products of ternary weights with vectors and matrices.
