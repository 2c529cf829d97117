/* Calls CCGRKC.dll as a careless program may: com_calls DLL. With a second argument it only loads the DLL, and keeps it until a line comes. */
#define COBJMACROS
#include <windows.h>
#include <objbase.h>
#include <stdio.h>

static const GUID class_id = {0xE4781092, 0xF116, 0x4B79, {0xB5, 0x5E, 0x28, 0xEB, 0x6A, 0x22, 0x4E, 0x26}};
static const GUID unknown_id = {0, 0, 0, {0xC0, 0, 0, 0, 0, 0, 0, 0x46}};
static const GUID factory_id = {1, 0, 0, {0xC0, 0, 0, 0, 0, 0, 0, 0x46}};

typedef HRESULT(WINAPI *get_class_object)(const GUID *, const GUID *, void **);
typedef HRESULT(WINAPI *can_unload_now)(void);

static get_class_object get;
static can_unload_now can_unload;

static IClassFactory *factory(void)
{
    void *found = NULL;
    if (get(&class_id, &factory_id, &found)) {
        fputs("there is no class factory\n", stderr);
        ExitProcess(1);
    }
    return found;
}

int main(int argc, char **argv)
{
    HMODULE dll = argc > 1 ? LoadLibraryA(argv[1]) : NULL;
    IClassFactory *one;
    void *object = &object;
    HRESULT result;

    if (!dll) {
        fputs("the DLL cannot be loaded\n", stderr);
        return 1;
    }
    if (argc > 2) {
        puts("loaded");
        fflush(stdout);
        return getchar() == EOF ? 0 : 0;
    }
    get = (get_class_object)(void *)GetProcAddress(dll, "DllGetClassObject");
    can_unload = (can_unload_now)(void *)GetProcAddress(dll, "DllCanUnloadNow");

    one = factory();
    result = IClassFactory_CreateInstance(one, NULL, NULL, &object);
    printf("no interface: %08lx, %s\n", result, object ? "an object" : "no object");
    IClassFactory_CreateInstance(one, NULL, &unknown_id, &object);
    IClassFactory_LockServer(one, TRUE);
    for (int i = 0; i < 3; i++)
        IClassFactory_LockServer(one, FALSE);
    printf("unlocked too often, with an object: %lx\n", can_unload());
    IUnknown_Release((IUnknown *)object);
    IClassFactory_Release(one);
    printf("with nothing: %lx\n", can_unload());

    one = factory();
    IClassFactory_LockServer(one, TRUE);
    IClassFactory_Release(one);
    printf("locked: %lx\n", can_unload());
    one = factory();
    IClassFactory_LockServer(one, FALSE);
    IClassFactory_Release(one);
    printf("unlocked: %lx\n", can_unload());
    return 0;
}
