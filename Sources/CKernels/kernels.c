int walrus_kernels;
