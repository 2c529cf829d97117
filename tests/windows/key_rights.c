/* Says who owns a key below HKEY_LOCAL_MACHINE and who may do what with it, as SDDL; first gives it other rights, where they are said:
 * key_rights KEY [SDDL]. On Windows PowerShell does that, which Wine has not. */
#include <windows.h>
#include <sddl.h>
#include <stdio.h>

/* Where it may be taken: taken, for whoever takes it may then do anything. */
static void taken(const char *path)
{
    PSECURITY_DESCRIPTOR mine = NULL;
    HKEY key = NULL;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA("O:BAD:(A;;KA;;;BA)", SDDL_REVISION_1, &mine, NULL))
        return;
    if (!RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, WRITE_OWNER | KEY_WOW64_64KEY, &key))
        RegSetKeySecurity(key, OWNER_SECURITY_INFORMATION, mine);
    if (!RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, WRITE_DAC | KEY_WOW64_64KEY, &key))
        RegSetKeySecurity(key, DACL_SECURITY_INFORMATION, mine);
}

static HKEY opened(const char *path, REGSAM access)
{
    HKEY key = NULL;
    LSTATUS status = RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, access | KEY_WOW64_64KEY, &key);
    if (status) {
        fprintf(stderr, "the key cannot be opened: %ld\n", (long)status);
        ExitProcess(1);
    }
    return key;
}

int main(int argc, char **argv)
{
    const SECURITY_INFORMATION what = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    static unsigned char found[4096];
    DWORD size = sizeof found;
    PSECURITY_DESCRIPTOR wanted = NULL;
    char *text = NULL;

    if (argc > 2)
        taken(argv[1]);
    if (argc > 2 && (!ConvertStringSecurityDescriptorToSecurityDescriptorA(argv[2], SDDL_REVISION_1, &wanted, NULL)
                     || RegSetKeySecurity(opened(argv[1], WRITE_OWNER | WRITE_DAC), what, wanted))) {
        fputs("the rights cannot be set\n", stderr);
        return 1;
    }
    if (argc < 2 || RegGetKeySecurity(opened(argv[1], READ_CONTROL), what, found, &size)
        || !ConvertSecurityDescriptorToStringSecurityDescriptorA(found, SDDL_REVISION_1, what, &text, NULL)) {
        fputs("the rights cannot be read\n", stderr);
        return 1;
    }
    puts(text);
    return 0;
}
