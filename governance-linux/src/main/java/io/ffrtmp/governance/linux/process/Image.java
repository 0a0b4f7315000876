package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the kernel reads of an executable file before any of it runs (fs/binfmt_script.c,
 * fs/binfmt_elf.c, elf(5)).
 *
 * @param head how it begins
 * @param elf whether the kernel would load it: ELF of this machine, 32-bit relatives included
 * @param interpreter what its {@code #!} line or its ELF file's PT_INTERP names
 */
record Image(byte[] head, boolean elf, Optional<String> interpreter) {
  private static final int HEAD = 4096;
  private static final int SCRIPT_LINE = 256; // BINPRM_BUF_SIZE
  private static final int PATH_MAX = 4096;

  /** Only these delimit, and a name that none ends may be cut off. */
  private static final Pattern SCRIPT = Pattern.compile("#![ \t]*([^ \t\n\0]+)[ \t\n\0]");

  /** Reads a part of a file; shorter, or empty, where the file ends before it does. */
  interface Part {
    byte[] read(int length, long offset) throws ErrnoException;
  }

  /** That of a file; empty if we can't read it, though perhaps execute it. */
  static Optional<Image> of(String path) {
    try {
      int fd = Libc.open(path, Libc.O_RDONLY);
      try {
        return Optional.of(of((length, offset) -> Libc.pread(fd, length, offset)));
      } finally {
        Libc.close(fd);
      }
    } catch (ErrnoException notReadable) {
      return Optional.empty();
    }
  }

  static Image of(Part file) throws ErrnoException {
    byte[] head = file.read(HEAD, 0);
    if (head.length >= 64 && ByteBuffer.wrap(head).getInt(0) == 0x7f454c46) {
      return elf(head, file);
    }
    byte[] line = Arrays.copyOf(head, SCRIPT_LINE); // with NULs after a shorter file, as there
    Matcher script = SCRIPT.matcher(new String(line, StandardCharsets.UTF_8));
    return new Image(
        head, false, script.lookingAt() ? Optional.of(script.group(1)) : Optional.empty());
  }

  private static Image elf(byte[] head, Part file) throws ErrnoException {
    Image refused = new Image(head, false, Optional.empty());
    ByteBuffer header = elf(head);
    int type = header.getShort(16);
    int machine = header.getShort(18);
    boolean wide = machine == (Libc.ARM ? 183 : 62);
    boolean ours = wide || machine == (Libc.ARM ? 40 : 3);
    int size = wide ? 56 : 32; // of a program header
    int sizes = wide ? 54 : 42; // where the header tells that, and then their number
    int length = size * (header.getShort(sizes + 2) & 0xffff);
    if (!ours || (type != 2 && type != 3) || header.getShort(sizes) != size || length > 65_536) {
      return refused;
    }
    byte[] table = part(head, file, length, wide ? header.getLong(32) : word(header, 28));
    if (length == 0 || table.length < length) {
      return refused;
    }
    ByteBuffer headers = elf(table);
    for (int at = 0; at < length; at += size) {
      if (headers.getInt(at) == 3) { // PT_INTERP; the kernel looks at the first only
        long count = wide ? headers.getLong(at + 32) : word(headers, at + 16);
        long offset = wide ? headers.getLong(at + 8) : word(headers, at + 4);
        byte[] name =
            count < 2 || count > PATH_MAX ? new byte[0] : part(head, file, (int) count, offset);
        boolean whole = name.length > 0 && name.length == count && name[name.length - 1] == 0;
        return whole ? new Image(head, true, Optional.of(text(name))) : refused;
      }
    }
    return new Image(head, true, Optional.empty());
  }

  private static byte[] part(byte[] head, Part file, int length, long offset)
      throws ErrnoException {
    if (offset < 0) {
      return new byte[0];
    }
    return offset <= head.length - length
        ? Arrays.copyOfRange(head, (int) offset, (int) offset + length)
        : file.read(length, offset);
  }

  private static ByteBuffer elf(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static long word(ByteBuffer buffer, int at) {
    return buffer.getInt(at) & 0xffff_ffffL;
  }

  /** Up to its first NUL. */
  private static String text(byte[] name) {
    String all = new String(name, StandardCharsets.UTF_8);
    return all.substring(0, all.indexOf('\0'));
  }
}
