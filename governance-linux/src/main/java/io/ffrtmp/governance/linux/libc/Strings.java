package io.ffrtmp.governance.linux.libc;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.Collection;

/** Arguments or an environment, laid out once as execve(2) takes them. Immutable. */
public final class Strings {
  private final byte[] text;
  private final long[] offsets;
  private final int longest;

  private Strings(byte[] text, long[] offsets, int longest) {
    this.text = text;
    this.offsets = offsets;
    this.longest = longest;
  }

  /** These strings, none of which holds a NUL. */
  public static Strings of(Collection<byte[]> strings) {
    int size = strings.size();
    int longest = 0;
    for (byte[] string : strings) {
      size += string.length;
      longest = Math.max(longest, string.length);
    }
    byte[] text = new byte[size];
    long[] offsets = new long[strings.size()];
    int end = 0;
    int index = 0;
    for (byte[] string : strings) {
      System.arraycopy(string, 0, text, end, string.length);
      offsets[index++] = end;
      end += string.length + 1;
    }
    return new Strings(text, offsets, longest);
  }

  /** The length of the longest, in bytes, its NUL left out. */
  public int longest() {
    return longest;
  }

  /** What execve(2) counts of them: their bytes, their NULs and the pointers to them. */
  public long total() {
    return text.length + offsets.length * (long) Long.BYTES;
  }

  /** In plain malloc(3): a NULL-terminated array of pointers, and behind it the strings. */
  Pointer copy() {
    long array = (offsets.length + 1) * (long) Long.BYTES;
    Pointer memory = new Pointer(Native.malloc(array + text.length));
    long begin = Pointer.nativeValue(memory) + array;
    long[] pointers = new long[offsets.length + 1];
    for (int i = 0; i < offsets.length; i++) {
      pointers[i] = begin + offsets[i];
    }
    memory.write(0, pointers, 0, pointers.length);
    memory.write(array, text, 0, text.length);
    return memory;
  }
}
