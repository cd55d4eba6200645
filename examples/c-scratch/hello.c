#include <stdio.h>
#include <unistd.h>

int main(void) {
    char name[64] = "";
    gethostname(name, sizeof name - 1);
    printf("hello from %s, alone in its image\n", name);
    return 0;
}
