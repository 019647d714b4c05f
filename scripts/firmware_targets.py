"""Small processors that firmware is compiled for, and machines that it runs on in emulation."""
import dataclasses
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMON = ["-Os", "-ffreestanding", "-ffunction-sections", "-fdata-sections",
          "-fcallgraph-info=su", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables",
          "-fno-builtin", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}"]
CXX = ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"]
C = ["-std=c99", "-pedantic"]
# Those of the core that the firmware needs: the decoder of profile lite.
DECODER = ["mallorn-apply/core/lite_decoder.cpp"]


@dataclasses.dataclass(frozen=True)
class Target:
    prefix: str        # of the compiler's name
    flags: tuple       # of the compiler
    has_library: bool  # a C++ library: otherwise firmware/shim
    machine: tuple = ()   # QEMU's command; (): none
    startup: str = ""
    board: tuple = ()  # sources, in firmware/qemu
    script: str = ""
    port: str = ""
    # Limits by the graph of calls: while a signature is checked, in the other steps, elsewhere, and
    # of mallorn_apply.
    stack_limits: tuple = (256, 176, 192, 192)
    streaming_stack: int = 256  # limit where it runs, with the application around it

    @property
    def is_there(self):
        return shutil.which(self.prefix + "g++") is not None

    def compile(self, source, target):
        """Compiles a source of C, C++ or assembler; writes `target` and its .ci."""
        is_cxx = source.endswith(".cpp")
        language = CXX if is_cxx else C if source.endswith(".c") else []
        shim = [] if self.has_library else [f"-I{ROOT / 'firmware/shim'}"]
        subprocess.run([self.prefix + ("g++" if is_cxx else "gcc"), *self.flags, *COMMON, *language,
                        *shim, "-c", str(ROOT / source), "-o", str(target)],
                       cwd=target.parent, check=True)

    def link(self, objects, script, target):
        subprocess.run([self.prefix + "gcc", *self.flags, "-nostdlib", "-nostartfiles",
                        "-Wl,--gc-sections", "-Wl,--no-warn-mismatch",
                        f"-Wl,-L{ROOT / 'firmware/qemu'}", "-T", str(script),
                        *map(str, objects), "-lgcc", "-o", str(target)], check=True)


SEMIHOSTING = ("-semihosting-config", "enable=on,target=native", "-nographic", "-monitor", "none",
               "-serial", "none")

TARGETS = {
    "cortex-m0": Target(
        "arm-none-eabi-", ("-mcpu=cortex-m0", "-mthumb"), True,
        ("qemu-system-arm", "-M", "microbit", "-global", "nrf51-soc.flash-size=1048576",
         *SEMIHOSTING, "-kernel"),
        "arm.S", ("board_nrf51.c", "board_nvmc.c"), "nrf51.ld", "nrf5x_nvmc/nrf5x_nvmc.c"),
    "cortex-m4f": Target(
        "arm-none-eabi-",
        ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"), True,
        ("qemu-system-arm", "-M", "mps2-an386", *SEMIHOSTING, "-kernel"),
        "arm.S", ("board_nrf52.c", "board_nvmc.c", "trap.c"), "nrf52840.ld", "nrf5x_nvmc/nrf5x_nvmc.c"),
    "cortex-m0plus": Target("arm-none-eabi-", ("-mcpu=cortex-m0plus", "-mthumb"), True),
    "lx106": Target(
        "xtensa-lx106-elf-", ("-mtext-section-literals",), False,
        ("qemu-system-xtensa", "-M", "sim", "-cpu", "lx106", "-semihosting", "-nographic",
         "-monitor", "none", "-serial", "none", "-kernel"),
        "xtensa.S", ("board_memory.c",), "lx106.ld", "memory/memory_flash.c", (272, 192, 224, 208)),
    "rv32imc": Target(
        "riscv64-unknown-elf-", ("-march=rv32imc", "-mabi=ilp32", "-msmall-data-limit=0"), False,
        ("qemu-system-riscv32", "-M", "virt", *SEMIHOSTING, "-bios"),
        "riscv.S", ("board_memory.c",), "virt.ld", "memory/memory_flash.c", (272, 192, 208, 224)),
}
# The same processor with the flash of another chip.
BOARDS = {
    "stm32f4": dataclasses.replace(
        TARGETS["cortex-m4f"], board=("board_stm32f4.c", "trap.c"), script="stm32f405.ld",
        port="stm32f4/mallorn_stm32f4.c"),
}


def firmware_sources():
    return [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("firmware/src/*.cpp"))]
