/*
 * Preloaded under AddressSanitizer: libraries stay loaded to the end. Open MPI unloads its plugins in MPI_Finalize, and what
 * they leaked could then not be told from our own leaks by lsan.supp, which goes by library.
 */
int dlclose(void *handle);

__attribute__((visibility("default"))) int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
