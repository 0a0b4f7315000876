package io.ffrtmp.governance.linux.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.process.Image.Format;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** What a file says of itself, be it true or not (elf(5)). */
class ImageTest {
  static final int TABLE = 64;
  static final int NAME = 200;

  /** A file of this machine, 64-bit or its 32-bit relative, with one program header, PT_INTERP. */
  static byte[] elf(boolean wide, int at, long table, long offset, long count, String loader) {
    byte[] file = new byte[at + 4096];
    ByteBuffer elf = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(0, new byte[] {0x7f, 'E', 'L', 'F', (byte) (wide ? 2 : 1), 1, 1});
    int machine = Libc.ARM ? (wide ? 183 : 40) : wide ? 62 : 3;
    elf.putShort(16, (short) 2).putShort(18, (short) machine).putInt(20, 1);
    elf.put(at + NAME, loader.getBytes(StandardCharsets.UTF_8));
    int header = at + TABLE;
    elf.putInt(header, 3);
    if (wide) {
      elf.putLong(32, table).putShort(54, (short) 56).putShort(56, (short) 1);
      elf.putLong(header + 8, offset).putLong(header + 32, count);
    } else {
      elf.putInt(28, (int) table).putShort(42, (short) 32).putShort(44, (short) 1);
      elf.putInt(header + 4, (int) offset).putInt(header + 16, (int) count);
    }
    return file;
  }

  /** With table and name where they are, so far into the file. */
  static byte[] elf(boolean wide, int at, String loader) {
    return elf(wide, at, at + TABLE, at + NAME, loader.length() + 1, loader);
  }

  private static Image image(byte[] file) throws ErrnoException {
    return Image.of(
        (length, offset) -> {
          if (offset < 0 || offset + length < 0) {
            throw new ErrnoException(Errno.EINVAL, "pread"); // as the kernel has it
          }
          return offset >= file.length
              ? new byte[0]
              : Arrays.copyOfRange(
                  file, (int) offset, (int) Math.min(file.length, offset + length));
        });
  }

  @Property
  void interpreter_ofAnElfFile_isFoundWhereverItLies(@ForAll boolean wide, @ForAll("places") int at)
      throws Exception {
    Image image = image(elf(wide, at, "/lib/loader"));
    assertThat(image.format()).isEqualTo(wide ? Format.ELF_64 : Format.ELF_32);
    assertThat(image.interpreter()).contains("/lib/loader");
  }

  @Property
  void elf_withOffsetsThatLeadNowhere_isNone(
      @ForAll boolean wide,
      @ForAll("edges") long table,
      @ForAll("edges") long offset,
      @ForAll("edges") long count)
      throws Exception {
    assertThat(image(elf(wide, 0, table, offset, count, "/lib/loader"))).isNotNull();
    assertThat(image(elf(wide, 0, TABLE, offset, count, "/lib/loader"))).isNotNull();
    assertThat(image(elf(wide, 0, TABLE, Long.MAX_VALUE, 2, "")).format()).isEqualTo(Format.OTHER);
    assertThat(image(elf(wide, 0, Long.MAX_VALUE - 10, NAME, 2, "")).format())
        .isEqualTo(Format.OTHER);
    assertThat(image(elf(wide, 0, TABLE, NAME, 3, "/lib/loader")).format())
        .isEqualTo(Format.OTHER); // no NUL
  }

  @Example
  void elf_cutOffBeforeItsHeaders_isNone() throws Exception {
    byte[] file = elf(true, 8192, "/lib/loader");
    assertThat(image(Arrays.copyOf(file, 8192 + TABLE + 55)).format()).isEqualTo(Format.OTHER);
  }

  @Provide
  Arbitrary<Integer> places() {
    return Arbitraries.oneOf(
        Arbitraries.integers().between(0, 100_000),
        Arbitraries.integers().between(3700, 4200), // about the end of what is read at once
        Arbitraries.just(0));
  }

  @Provide
  Arbitrary<Long> edges() {
    return Arbitraries.oneOf(
        Arbitraries.longs(), Arbitraries.longs().between(-64, 4200), Arbitraries.just(4096L));
  }
}
