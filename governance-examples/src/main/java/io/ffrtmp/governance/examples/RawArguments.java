package io.ffrtmp.governance.examples;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments as the kernel got them (proc_pid_cmdline(5)). What {@code main} is given went
 * through the locale's charset, and under {@code LC_ALL=C} JDK 17 loses all that is not ASCII on
 * that way.
 */
final class RawArguments {
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  private RawArguments() {}

  /**
   * The same arguments, undamaged.
   *
   * @throws IllegalArgumentException if one of them is not UTF-8
   */
  static List<String> read(String[] damaged) {
    try {
      return last(damaged.length, Files.readAllBytes(COMMAND_LINE));
    } catch (IOException notLinux) {
      return List.of(damaged);
    }
  }

  /** The last so many of a list of strings that each end in NUL. */
  static List<String> last(int count, byte[] strings) {
    List<byte[]> all = new ArrayList<>();
    ByteArrayOutputStream string = new ByteArrayOutputStream();
    for (byte each : strings) {
      if (each == 0) {
        all.add(string.toByteArray());
        string.reset();
      } else {
        string.write(each);
      }
    }
    List<String> arguments = new ArrayList<>();
    for (byte[] each : all.subList(all.size() - count, all.size())) {
      arguments.add(decode(each, arguments.size() + 1));
    }
    return arguments;
  }

  private static String decode(byte[] bytes, int position) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          "argument " + position + " '" + printable(bytes) + "' is not UTF-8; only UTF-8 is taken");
    }
  }

  private static String printable(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte each : bytes) {
      boolean ascii = each >= ' ' && each < 0x7f;
      text.append(ascii ? String.valueOf((char) each) : String.format("\\x%02x", each));
    }
    return text.toString();
  }
}
