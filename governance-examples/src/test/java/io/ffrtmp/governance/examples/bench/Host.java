package io.ffrtmp.governance.examples.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.stream.Stream;

/** The machine, as far as figures depend on it. */
final class Host {
  private Host() {}

  static boolean root() {
    return System.getProperty("user.name").equals("root");
  }

  static String load() throws IOException {
    return Files.readString(Path.of("/proc/loadavg")).strip();
  }

  /** The first number on the line that begins with a word. */
  static long number(String file, String word) throws IOException {
    return Long.parseLong(line(file, word).replaceAll("[^0-9]+", " ").strip().split(" ")[0]);
  }

  private static String line(String file, String word) throws IOException {
    try (Stream<String> lines = Files.lines(Path.of(file))) {
      return lines.filter(each -> each.startsWith(word)).findFirst().orElse(word + " 0");
    }
  }

  /** Of this process, in KB. */
  static long resident() throws IOException {
    return number("/proc/self/status", "VmRSS");
  }

  static long threads() throws IOException {
    return number("/proc/self/status", "Threads");
  }

  static int descriptors() {
    return new java.io.File("/proc/self/fd").list().length;
  }

  static void describe(Table table) throws IOException {
    String cpu = line("/proc/cpuinfo", "model name").replaceFirst("model name\\s*:\\s*", "");
    table.say("%s", LocalDate.now());
    table.say("%d cores, %s", Runtime.getRuntime().availableProcessors(), cpu);
    table.say(
        "Linux %s, %d MB, load %s",
        System.getProperty("os.version"), number("/proc/meminfo", "MemTotal") >> 10, load());
    table.say(
        "JDK %s %s; /bin/sh is %s",
        System.getProperty("java.vendor"),
        System.getProperty("java.runtime.version"),
        Path.of("/bin/sh").toRealPath());
    Cgroups.find().ifPresent(found -> table.say("%s", found));
  }
}
