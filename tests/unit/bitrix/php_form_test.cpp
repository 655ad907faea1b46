#include <doctest/doctest.h>

#include <cstdio>
#include <random>

#include <b24gate/bitrix/php_form.hpp>

using namespace b24gate::bitrix;

namespace {

struct Row {
    const char* text;
    const char* tree;
};

// What parse_str of PHP 8.2 made of each text: {key:'value'}, other bytes as <hex>.
const Row measured[] = {
    {"a=1", "{a:'1'}"},
    {"a", "{a:''}"},
    {"a=", "{a:''}"},
    {"=1", "{}"},
    {"", "{}"},
    {"&", "{}"},
    {"&&a=1&&", "{a:'1'}"},
    {"a=1&b=2", "{a:'1',b:'2'}"},
    {"a=1&a=2", "{a:'2'}"},
    {"a=1&b=2&a=3", "{a:'3',b:'2'}"},
    {"a==b", "{a:'=b'}"},
    {"a=b=c", "{a:'b=c'}"},
    {"a=1&A=2", "{a:'1',A:'2'}"},
    {"a=+", "{a:' '}"},
    {"a=%2B", "{a:'+'}"},
    {"a=%26%3D%23", "{a:'&=#'}"},
    {"a=%", "{a:'%'}"},
    {"a=%4", "{a:'%4'}"},
    {"a=%zz", "{a:'%zz'}"},
    {"a=%4g", "{a:'%4g'}"},
    {"a=%41%zz%42", "{a:'A%zzB'}"},
    {"a=%e2%82%ac", "{a:'<e2><82><ac>'}"},
    {"a=%00b", "{a:'<00>b'}"},
    {"%61=1", "{a:'1'}"},
    {"%=1", "{%:'1'}"},
    {"a%=1", "{a%:'1'}"},
    {"a%3Db=1", "{a=b:'1'}"},
    {"a=1;b=2", "{a:'1;b=2'}"},
    {"a=1#b", "{a:'1#b'}"},
    {"a=1\077b=2", "{a:'1\077b=2'}"},
    {" a=1", "{a:'1'}"},
    {"++a=1", "{a:'1'}"},
    {"%20a=1", "{a:'1'}"},
    {"a+b=1", "{a_b:'1'}"},
    {"a%20b=1", "{a_b:'1'}"},
    {"a.b=1", "{a_b:'1'}"},
    {"a%2Eb=1", "{a_b:'1'}"},
    {".a=1", "{_a:'1'}"},
    {"a b.c d=1", "{a_b_c_d:'1'}"},
    {"+=1", "{}"},
    {"+++", "{}"},
    {"a+=1", "{a_:'1'}"},
    {"%09a=1", "{<09>a:'1'}"},
    {"a_b=1&a.b=2&a b=3", "{a_b:'3'}"},
    {"a[]=1", "{a:{0:'1'}}"},
    {"a[]=1&a[]=2", "{a:{0:'1',1:'2'}}"},
    {"a[]", "{a:{0:''}}"},
    {"a[]=&a[]=", "{a:{0:'',1:''}}"},
    {"a%5B%5D=1", "{a:{0:'1'}}"},
    {"a[0]=1&a[]=2", "{a:{0:'1',1:'2'}}"},
    {"a[5]=x&a[]=y", "{a:{5:'x',6:'y'}}"},
    {"a[5]=x&a[]=y&a[3]=z&a[]=w", "{a:{5:'x',6:'y',3:'z',7:'w'}}"},
    {"a[-5]=1&a[]=2", "{a:{-5:'1',-4:'2'}}"},
    {"a[-1]=1&a[]=2", "{a:{-1:'1',0:'2'}}"},
    {"a[01]=1&a[1]=2&a[]=3", "{a:{01:'1',1:'2',2:'3'}}"},
    {"a[00]=1&a[]=2", "{a:{00:'1',0:'2'}}"},
    {"a[-0]=1&a[]=2", "{a:{-0:'1',0:'2'}}"},
    {"a[1.5]=1&a[]=2", "{a:{1.5:'1',0:'2'}}"},
    {"a[+1]=1&a[]=2", "{a:{ 1:'1',0:'2'}}"},
    {"a[1 ]=1&a[]=2", "{a:{1 :'1',0:'2'}}"},
    {"a[-]=1&a[]=2", "{a:{-:'1',0:'2'}}"},
    {"a[x]=1&a[]=2", "{a:{x:'1',0:'2'}}"},
    {"a[9223372036854775807]=1&a[]=2&b=3", "{a:{9223372036854775807:'1'},b:'3'}"},
    {"a[9223372036854775806]=1&a[]=2&a[]=3", "{a:{9223372036854775806:'1',9223372036854775807:'2'}}"},
    {"a[9223372036854775808]=1&a[]=2", "{a:{9223372036854775808:'1',0:'2'}}"},
    {"a[-9223372036854775808]=1&a[]=2", "{a:{-9223372036854775808:'1',-9223372036854775807:'2'}}"},
    {"a[-9223372036854775809]=1&a[]=2", "{a:{-9223372036854775809:'1',0:'2'}}"},
    {"a[18446744073709551616]=1&a[]=2", "{a:{18446744073709551616:'1',0:'2'}}"},
    {"a[x]=1", "{a:{x:'1'}}"},
    {"a[x]=1&a[x]=2", "{a:{x:'2'}}"},
    {"a[x]=1&a[y]=2&a[x]=3", "{a:{x:'3',y:'2'}}"},
    {"a[x][y]=1&a[x][z]=2", "{a:{x:{y:'1',z:'2'}}}"},
    {"a[x][]=1&a[x][]=2&a[y][]=3", "{a:{x:{0:'1',1:'2'},y:{0:'3'}}}"},
    {"a[][]=1&a[][]=2", "{a:{0:{0:'1'},1:{0:'2'}}}"},
    {"a[][x]=1&a[][x]=2", "{a:{0:{x:'1'},1:{x:'2'}}}"},
    {"a[x][y][z]=1", "{a:{x:{y:{z:'1'}}}}"},
    {"filter[>ID]=5&filter[!=STAGE]=W&select[]=ID&select[]=TITLE",
     "{filter:{>ID:'5'},filter_!:'STAGE]=W',select:{0:'ID',1:'TITLE'}}"},
    {"fields[PHONE][0][VALUE]=1&fields[PHONE][0][VALUE_TYPE]=WORK&fields[PHONE][1][VALUE]=2",
     "{fields:{PHONE:{0:{VALUE:'1',VALUE_TYPE:'WORK'},1:{VALUE:'2'}}}}"},
    {"order[ID]=ASC&start=-1", "{order:{ID:'ASC'},start:'-1'}"},
    {"0=a&1=b&2=c", "{0:'a',1:'b',2:'c'}"},
    {"0[x]=1&0[y]=2", "{0:{x:'1',y:'2'}}"},
    {"cmd[a]=user.get%3FID%3D1&cmd[b]=crm.deal.list%3Ffilter%255BID%255D%3D1",
     "{cmd:{a:'user.get\077ID=1',b:'crm.deal.list\077filter%5BID%5D=1'}}"},
    {"cmd[]=a&cmd[5]=b&cmd[]=c&cmd[x]=d", "{cmd:{0:'a',5:'b',6:'c',x:'d'}}"},
    {"a=1&a[x]=2", "{a:{x:'2'}}"},
    {"a[x]=1&a=2", "{a:'2'}"},
    {"a[x]=1&b=3&a=2&a[y]=4", "{a:{y:'4'},b:'3'}"},
    {"a[]=1&a=2&a[]=3", "{a:{0:'3'}}"},
    {"a[3]=1&a[3][]=x&a[]=y", "{a:{3:{0:'x'},4:'y'}}"},
    {"a[x]=1&a[x][y]=1&a[x][z]=2&a[x]=3", "{a:{x:'3'}}"},
    {"a[ ]=1&a[ x]=2&a[%09]=3", "{a:{0:'1', x:'2',1:'3'}}"},
    {"a[  ]=1", "{a:{  :'1'}}"},
    {"a[%0B]=1", "{a:{0:'1'}}"},
    {"a[%0Bx]=1", "{a:{<0b>x:'1'}}"},
    {"a[x ]=1", "{a:{x :'1'}}"},
    {"a[.b c]=1", "{a:{.b c:'1'}}"},
    {"a.b[c.d e]=1", "{a_b:{c.d e:'1'}}"},
    {"a [b]=1", "{a_:{b:'1'}}"},
    {"a[b] =1", "{a:{b:'1'}}"},
    {"a[b]c=1", "{a:{b:'1'}}"},
    {"a[b]c[d]=1", "{a:{b:'1'}}"},
    {"a[b].[c]=1", "{a:{b:'1'}}"},
    {"a[] [b]=1", "{a:{0:'1'}}"},
    {"a[]b]=1", "{a:{0:'1'}}"},
    {"a[=1", "{a_:'1'}"},
    {"a[b=1", "{a_b:'1'}"},
    {"a[b.c d=1", "{a_b_c_d:'1'}"},
    {"a[b[c=1", "{a_b_c:'1'}"},
    {"a[b[c.d e=1", "{a_b_c_d_e:'1'}"},
    {"a.b[c=1", "{a_b_c:'1'}"},
    {"a[b][c=1", "{a:{b:'1'}}"},
    {"a[b][c.d=1", "{a:{b:'1'}}"},
    {"a[][c=1", "{a:{0:'1'}}"},
    {"a[b]=1&a[b][c=2", "{a:{b:'2'}}"},
    {"[a]=1", "{}"},
    {"[=1", "{}"},
    {"[]=1", "{}"},
    {" [a]=1", "{}"},
    {"a]=1", "{a]:'1'}"},
    {"a]b[c]=1", "{a]b:{c:'1'}}"},
    {"a[]]=1", "{a:{0:'1'}}"},
    {"a[[]=1", "{a:{[:'1'}}"},
    {"a[[]]=1", "{a:{[:'1'}}"},
    {"a[[x]]=1", "{a:{[x:'1'}}"},
    {"a[b[]=1", "{a:{b[:'1'}}"},
    {"a[b[]]=1", "{a:{b[:'1'}}"},
    {"a[b]]=1", "{a:{b:'1'}}"},
    {"a[x&y]=1", "{a_x:'',y]:'1'}"},
    {"a[x=y]=1", "{a_x:'y]=1'}"},
    {"a[%5D]=1", "{a:{0:'1'}}"},
    {"a[%5Bx]=1", "{a:{[x:'1'}}"},
    {"a%5Bx%5D[y]=1", "{a:{x:{y:'1'}}}"},
    {"a%5B.b%5D=1", "{a:{.b:'1'}}"},
    {"a%00b=1", "{a:'1'}"},
    {"a[%00]=1", "{a_:'1'}"},
    {"a[b%00c]=1", "{a_b:'1'}"},
    {"a[b]%00=1", "{a:{b:'1'}}"},
    {"%00a=1", "{}"},
    {"a=1&%00=2", "{a:'1'}"},
    {"access_token=1", "{access_token:'1'}"},
    {"access.token=1", "{access_token:'1'}"},
    {"access+token=1", "{access_token:'1'}"},
    {"access[token=1", "{access_token:'1'}"},
    {"auth[]=1", "{auth:{0:'1'}}"},
    {"auth[x]=1", "{auth:{x:'1'}}"},
    {"auth[x][y]=1", "{auth:{x:{y:'1'}}}"},
    {"auth[=1", "{auth_:'1'}"},
    {"auth[x=1", "{auth_x:'1'}"},
    {" auth=1", "{auth:'1'}"},
    {"auth =1", "{auth_:'1'}"},
    {"auth.=1", "{auth_:'1'}"},
    {"auth%5Bx%5D=1", "{auth:{x:'1'}}"},
    {"a%75th=1", "{auth:'1'}"},
    {"%20%20sessid=1", "{sessid:'1'}"},
    {"..Host-x=1", "{}"},
    {"__Host-x=1", "{__Host-x:'1'}"},
    {"__Host-x[y]=1", "{__Host-x:{y:'1'}}"},
    {"__Host-x[__Host-y]=1", "{__Host-x:{__Host-y:'1'}}"},
    {"a[__Host-x]=1", "{a:{}}"},
    {"a[__Host-x][y]=1", "{a:{}}"},
    {"a[__Secure-]=1&a[b]=2", "{a:{b:'2'}}"},
    {"_[Secure-=1", "{}"},
    {"++__Host-x=1", "{__Host-x:'1'}"},
    {"a=\0111", "{a:'<09>1'}"},
    {"a=1\012", "{a:'1<0a>'}"},
    {"\303\251=\303\274", "{<c3><a9>:'<c3><bc>'}"},
    {"a[\303\251]=1", "{a:{<c3><a9>:'1'}}"},
    {"GLOBALS=1", "{GLOBALS:'1'}"},
    {"this=1", "{this:'1'}"},
    {"_SERVER[x]=1", "{_SERVER:{x:'1'}}"},
    {"k=1&a=0&a[][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][]"
     "[][][][][][][][][][]=1&z=2",
     "{k:'1',a:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{"
     "0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:'1'}}}}}}}}}}}}}}}}}}}}}}}}}}}"
     "}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}},z:'2'}"},
    {"k=1&a=0&a[][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][]"
     "[][][][][][][][][][][]=1&z=2",
     "{k:'1',a:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{"
     "0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:'1'}}}}}}}}}}}}}}}}}}}}}}}}"
     "}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}},z:'2'}"},
    {"k=1&a=0&a[][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][]"
     "[][][][][][][][][][][][]=1&z=2",
     "{k:'1',a:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{"
     "0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:{0:'1'}}}}}}}}}}}}}}}}}}}}}"
     "}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}},z:'2'}"},
    {"k=1&a=0&a[x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x]["
     "x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x]=1&z=2",
     "{k:'1',z:'2'}"},
    {"a[q]=0&a[][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][]["
     "][][][][][][][][][][][][]=1&a[r]=2",
     "{a:{r:'2'}}"},
    {"k=1&a=0&a[x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x]["
     "x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x][x]=1&z="
     "2",
     "{k:'1',z:'2'}"},
    {"a[q]=0&a[][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][]["
     "][][][][][][][][][][][][][][][][][]=1&a[r]=2",
     "{a:{r:'2'}}"},
};

void spell(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (c >= ' ' && c <= '~' && std::string_view("\\'{},:").find(c) == std::string_view::npos) {
            out += c;
        } else {
            char hex[8];
            std::snprintf(hex, sizeof hex, "<%02x>", static_cast<unsigned char>(c));
            out += hex;
        }
    }
}

std::string spell(const FormNode& node) {
    std::string out;
    if (!node.is_array) {
        out += '\'';
        spell(out, node.value);
        return out += '\'';
    }
    out += '{';
    for (const FormNode& item : node.items) {
        if (out.size() > 1) out += ',';
        spell(out, item.key);
        out += ':';
        out += spell(item);
    }
    return out += '}';
}

}  // namespace

TEST_CASE("a text becomes the tree that PHP makes of it") {
    for (const Row& row : measured) {
        CAPTURE(std::string(row.text));
        CHECK(spell(parse_form(row.text)) == row.tree);
    }
}

TEST_CASE("variables behind the limit are dropped") {
    CHECK(spell(parse_form("a=1&b=2&c=3", {.max_variables = 2})) == "{a:'1',b:'2'}");
    CHECK(spell(parse_form("&&a=1&&b=2&c=3", {.max_variables = 2})) == "{a:'1',b:'2'}");
    CHECK(spell(parse_form("a[]=1&a[]=2&a[]=3", {.max_variables = 2})) == "{a:{0:'1',1:'2'}}");
    CHECK(spell(parse_form("a=1&b=2", {.max_variables = 0})) == "{a:'1',b:'2'}");
    CHECK(spell(parse_form("a[x][y]=1&b[x]=2", {.max_depth = 1})) == "{b:{x:'2'}}");
}

TEST_CASE("a builder tells where a field came to stand") {
    FormBuilder builder;
    const auto place = [&](std::string_view name) {
        const FormPlace at = builder.add(name, "v");
        return std::to_string(at.depth) + " " + std::string(at.key);
    };
    CHECK(place("a") == "1 a");
    CHECK(place("cmd[x]") == "2 x");
    CHECK(place("cmd[]") == "2 0");
    CHECK(place("cmd[7]") == "2 7");
    CHECK(place("cmd[]") == "2 8");
    CHECK(place("cmd[x][y]") == "3 y");
    CHECK(place(" c.d") == "1 c_d");
    CHECK(place("") == "0 ");
    CHECK(place("[x]") == "0 ");
    CHECK(spell(builder.tree()) == "{a:'v',cmd:{x:{y:'v'},0:'v',7:'v',8:'v'},c_d:'v'}");
}

TEST_CASE("the name of the top-level variable") {
    const Row rows[] = {
        {"auth", "auth"},
        {" auth", "auth"},
        {"auth[]", "auth"},
        {"auth[x][y]", "auth"},
        {"auth[", "auth_"},
        {"auth[x", "auth_x"},
        {"auth ", "auth_"},
        {"auth.", "auth_"},
        {"access.token", "access_token"},
        {"access token[]", "access_token"},
        {"access[token", "access_token"},
        {"access[to[ken", "access_to_ken"},
        {"[auth]", ""},
        {"", ""},
        {"   ", ""},
        {"a]b", "a]b"},
        {"[", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(std::string(row.text));
        CHECK(top_level_name(row.text) == row.tree);
    }
    CHECK(top_level_name(std::string_view("auth\0x", 6)) == "auth");
}

TEST_CASE("decoding and encoding of one value") {
    CHECK(form_decode("a+b%20c%2B%zz%4") == "a b c+%zz%4");
    CHECK(form_decode("%") == "%");
    CHECK(form_decode("%4") == "%4");
    CHECK(form_decode("%41") == "A");
    CHECK(form_decode("%00") == std::string(1, '\0'));
    CHECK(form_decode("%fF") == "\xff");
    std::string out;
    append_form_encoded(out, "aZ09-_. ~+&=%\n\xd0");
    CHECK(out == "aZ09-_.%20%7E%2B%26%3D%25%0A%D0");
    for (int c = 0; c < 256; ++c) {
        std::string one;
        append_form_encoded(one, std::string(1, static_cast<char>(c)));
        CHECK(form_decode(one) == std::string(1, static_cast<char>(c)));
    }
}

TEST_CASE("what was encoded reads back as the same tree") {
    const char* texts[] = {
        "a=1&b=2", "a[]=1&a[]=2", "a[x][y]=1&a[x][z]=%26%3D%5B&b=", "f[>ID]=5&f[!x y.z]=+", "a[5]=1&a[]=2&a[-3]=4",
        "0=x&1=y", "a[x]=%00%ff"};
    for (const char* text : texts) {
        CAPTURE(std::string(text));
        const FormNode tree = parse_form(text);
        CHECK(parse_form(encode_form(tree)) == tree);
    }
    CHECK(encode_form(parse_form("f[>ID]=5&a b=1")) == "f%5B%3EID%5D=5&a_b=1");
}

TEST_CASE("what the text cannot say does not read back") {
    const auto node = [](std::string key, std::string value) {
        return FormNode{std::move(key), std::move(value), {}, false};
    };
    const auto array = [](std::string key, std::vector<FormNode> items) {
        return FormNode{std::move(key), {}, std::move(items), true};
    };
    const FormNode lost[] = {
        array("", {array("a", {})}),
        array("", {node("a.b", "1")}),
        array("", {node(" a", "1")}),
        array("", {node("", "1")}),
        array("", {array("a", {node("", "1")})}),
        array("", {array("a", {node("x]", "1")})}),
        array("", {array("a", {node(std::string("x\0y", 3), "1")})}),
        array("", {array("a[b", {node("c", "1")})}),
    };
    for (const FormNode& tree : lost) CHECK_FALSE(parse_form(encode_form(tree)) == tree);
    const FormNode kept = array("", {array("a", {node("x[", "1"), node(" y.z", "2")})});
    CHECK(parse_form(encode_form(kept)) == kept);
}

TEST_CASE("a tree of a text reads back, whatever the text") {
    std::mt19937 random(11);
    const char* parts[] = {"a", "b", "[", "]", "[]",  "[x]", "[0]", "[-3]", "=",
                           "&", ".", " ", "+", "%5B", "%00", "1",   "auth"};
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        for (unsigned n = random() % 14; n > 0; --n) text += parts[random() % std::size(parts)];
        const FormNode tree = parse_form(text);
        bool empty_array = false;
        const auto look = [&](const auto& self, const FormNode& node) -> void {
            if (node.is_array && node.items.empty()) empty_array = true;
            for (const FormNode& item : node.items) self(self, item);
        };
        for (const FormNode& item : tree.items) look(look, item);
        CAPTURE(text);
        if (!empty_array) CHECK(parse_form(encode_form(tree)) == tree);
    }
}

TEST_CASE("a million parameters are no trouble") {
    std::string text;
    for (int i = 0; i < 1000000; ++i) text += "a[]=1&";
    const FormNode tree = parse_form(text);
    REQUIRE(tree.items.size() == 1);
    CHECK(tree.items[0].items.size() == 1000000);
    CHECK(tree.items[0].items.back().key == "999999");
}
