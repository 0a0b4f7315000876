package io.ffrtmp.governance.linux.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.linux.libc.Libc;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** What a file's head says of itself, be it true or not (elf(5)). */
class ProgramTest {
  private static final int TABLE = 64;
  private static final String LOADER = "/lib/loader";

  /** A 64-bit file of this machine with one program header, PT_INTERP. */
  private static byte[] elf(long table, long offset, long length) {
    byte[] head = new byte[4096];
    ByteBuffer elf = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1});
    elf.putShort(16, (short) 2).putShort(18, (short) (Libc.ARM ? 183 : 62));
    elf.putLong(32, table).putShort(54, (short) 56).putShort(56, (short) 1);
    elf.putInt(TABLE, 3).putLong(TABLE + 8, offset).putLong(TABLE + 32, length);
    elf.put(200, LOADER.getBytes(StandardCharsets.UTF_8));
    return head;
  }

  @Example
  void interpreter_ofAnElfFile_isTheOneInItsHead() {
    assertThat(Program.interpreter(elf(TABLE, 200, LOADER.length() + 1))).isEqualTo(LOADER);
  }

  @Property
  void interpreter_ofAnElfFileWithOffsetsThatLeadNowhere_isNone(
      @ForAll("edges") long table, @ForAll("edges") long offset, @ForAll("edges") long length) {
    assertThat(Program.interpreter(elf(table, offset, length))).isNotNull();
    assertThat(Program.interpreter(elf(TABLE, offset, length))).isNotNull();
    assertThat(Program.interpreter(elf(TABLE, Long.MAX_VALUE, 2))).isEmpty();
    assertThat(Program.interpreter(elf(Long.MAX_VALUE - 10, 200, 2))).isEmpty();
  }

  @Provide
  Arbitrary<Long> edges() {
    return Arbitraries.oneOf(
        Arbitraries.longs(), Arbitraries.longs().between(-64, 4200), Arbitraries.just(4096L));
  }
}
