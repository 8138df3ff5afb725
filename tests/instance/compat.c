/* Asks the 32-bit entry of the kernel for its process id and exits with the error number, 0 when it
 * was answered. Without any library, so that it runs in any root. */
#include <errno.h>

void _start(void);

void _start(void)
{
#ifdef __x86_64__
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "r8", "r9", "r10", "r11", "memory");
    __asm__ volatile("syscall"
                     :
                     : "a"(60L), "D"((int)result < 0 ? -(int)result : 0)
                     : "rcx", "r11", "memory");
#endif
    for (;;)
        ;
}
