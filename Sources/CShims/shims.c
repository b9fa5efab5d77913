int walrus_shims;
